"""Decode the members of a shard's sample: any window of the video, the sound, the still image.

PyAV gives the decoded planes, which one matrix product converts to RGB. A window takes two thirds
of the time of decord, which uses FFmpeg's converter. Both give the same frames, with colours equal
to within one level.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import cv2
import numpy as np
import soundfile
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emotalk.counted import counted
from emotalk.media.allowed_formats import READ_SAFELY
from emotalk.media.png_chunks import check_png
from emotalk.media.yuv_rgb import frame_to_rgb
from emotalk.printable import printable
from emotalk.schema import FPS, SAMPLE_RATE, SIZE, Bytes, Floats

# Read the container's header only. Otherwise FFmpeg decodes seven frames to find out whether frames
# are reordered, which is half of the time for opening.
_HEAD_ONLY: dict[str, Any] = {
    "options": {"probesize": "32"},
    "stream_options": [{"skip_frame": "all"}],
    **READ_SAFELY,
}
PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # width and height follow, four bytes each

# Errors of PyAV, OpenCV and libsndfile for bytes that are no video, image or sound. Python's own
# occur where a decoded value is one that the bindings do not expect: no codec, no time base, a size
# beyond memory.
DECODER_ERRORS = (
    av.error.FFmpegError,
    cv2.error,
    soundfile.SoundFileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class MemberFault(Exception):  # noqa: N818  a fault of the data, not of the program
    """Raised when a member of a sample violates the shard format."""

    def __init__(self, message: str) -> None:
        """Keep the message on one line, unprintable characters escaped."""
        super().__init__(printable(message))


def decode_video_window(data: bytes, start: int, frames: int) -> Bytes:
    """Return `frames` consecutive frames of an encoded 25 fps video, from frame `start` on.

    Decoding begins at the last key frame at or before `start`, in this thread alone.

    Args:
        data: a video file (MP4, ...), 128 x 128, constant 25 fps, first frame at time 0.
        start: index of the first frame wanted.
        frames: how many.

    Returns:
        uint8 RGB (T, H, W, 3); in memory the channels come before the pixels, as in the batch.

    Raises:
        MemberFault: no video, damaged, of another size, or without one of the frames.
    """
    with _decoding("video"), av.open(io.BytesIO(data), **_HEAD_ONLY) as container:
        window_TCHW = _window(container, start, frames)
    return window_TCHW.transpose(0, 2, 3, 1)


def check_video(data: bytes, frames: int) -> None:
    """Check a whole video by decoding it, in the memory of one frame.

    Args:
        data: see `decode_video_window`.
        frames: how many it must hold.

    Raises:
        MemberFault: see `decode_video_window`, or the number of frames is another.
    """
    found = 0
    with _decoding("video"), av.open(io.BytesIO(data), **_HEAD_ONLY) as container:
        _check_stream(container.streams.video[0])
        for frame in _frames_from(container, 0, frames + 1):
            _check_frame(frame, found)
            found += 1
    if found != frames:
        more = "more than " if found > frames else ""
        count = counted(min(found, frames), "frame")
        raise MemberFault(f"the video has {more}{count}, expected {frames}")


def decode_audio(data: bytes, samples: int | None = None) -> Floats:
    """Return the whole sound of a FLAC or WAV member: mono float32 in [-1, 1], (S,).

    Args:
        data: the member.
        samples: how many it must hold, or None. They are compared before decoding: any length of
            silence compresses to a few bytes.

    Raises:
        MemberFault: no sound, damaged, of another length, not mono or not at 8 kHz.
    """
    with _decoding("sound"), soundfile.SoundFile(io.BytesIO(data)) as file:
        if file.samplerate != SAMPLE_RATE or file.channels != 1:
            raise MemberFault(
                f"the sound has {file.channels} channels at {file.samplerate} Hz, expected one "
                f"at {SAMPLE_RATE} Hz"
            )
        promised = file.frames
        if samples not in (None, promised):
            raise MemberFault(f"the sound has {promised} samples, expected {samples}")
        audio: Floats = file.read(dtype="float32")
    if len(audio) != promised:
        raise MemberFault(f"the sound ends after {len(audio)} of {promised} samples")
    return audio


def decode_image(data: bytes) -> Bytes:
    """Return a PNG as uint8 RGB (128, 128, 3).

    Raises:
        MemberFault: no PNG, damaged, or of another size, which is compared before decoding.
    """
    _check_still(data)
    with _decoding("image"):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise MemberFault("the image cannot be decoded: damaged")
    return np.asarray(image, np.uint8)


def _check_still(data: bytes) -> None:
    """Raise MemberFault unless this is a PNG of the format's size, without decoding it."""
    head, size = data[: len(PNG_HEAD)], data[len(PNG_HEAD) : len(PNG_HEAD) + 8]
    if head != PNG_HEAD or len(size) < 8:
        raise MemberFault("the image cannot be decoded: not a PNG")
    width, height = int.from_bytes(size[:4]), int.from_bytes(size[4:])
    if (width, height) != (SIZE, SIZE):
        raise MemberFault(f"the image is {width} x {height}, expected {SIZE} x {SIZE}")
    try:
        check_png(data)  # a chunk that claims 2 GB would need as much memory
    except (ValueError, struct.error) as error:
        raise MemberFault(f"the image cannot be decoded: damaged: {error}") from error


@contextmanager
def _decoding(what: str) -> Iterator[None]:
    """Raise MemberFault for an error of a decoder."""
    try:
        yield
    except DECODER_ERRORS as error:
        message = str(error) or type(error).__name__
        raise MemberFault(f"the {what} cannot be decoded: {message}") from error


def _window(container: InputContainer, start: int, frames: int) -> Bytes:
    """Return the frames as RGB planes, (T, 3, H, W)."""
    _check_stream(container.streams.video[0])
    window_TCHW = np.empty((frames, 3, SIZE, SIZE), np.uint8)
    found = 0
    for found, frame in enumerate(_frames_from(container, start, frames), 1):
        _check_frame(frame, start + found - 1)
        cv2.split(frame_to_rgb(frame), list(window_TCHW[found - 1]))
    if found != frames:
        raise MemberFault(
            f"the video has {found} of the {frames} frames wanted from frame {start} on"
        )
    return window_TCHW


def _check_stream(stream: VideoStream) -> None:
    """Raise MemberFault unless the stream has the format's size and rate."""
    if getattr(stream, "codec_context", None) is None:
        raise MemberFault("the video's codec is not known")
    if (stream.height, stream.width) != (SIZE, SIZE):
        raise MemberFault(
            f"the video is {stream.width} x {stream.height}, expected {SIZE} x {SIZE}"
        )
    if not stream.time_base or stream.average_rate != FPS:
        raise MemberFault(f"the video has {stream.average_rate} frames a second, expected {FPS}")


def _check_frame(frame: VideoFrame, index: int) -> None:
    if (frame.height, frame.width) != (SIZE, SIZE):
        raise MemberFault(f"the video's frame {index} is of another size")


def _frames_from(container: InputContainer, start: int, frames: int) -> Iterator[VideoFrame]:
    """Yield the frames `start` .. `start + frames - 1`, as many as there are."""
    stream: VideoStream = container.streams.video[0]
    stream.thread_type = "NONE"
    assert stream.time_base is not None  # checked before
    ticks = float(1 / (FPS * stream.time_base))
    if start:
        container.seek(round(start * ticks), stream=stream)
    wanted = start
    for frame in container.decode(stream):
        index = round(frame.pts / ticks) if frame.pts is not None else -1
        if frame.is_corrupt:  # the decoder concealed errors; later frames may refer to it
            raise MemberFault(f"the video's frame {index} is damaged")
        if index < wanted:
            continue
        if index > wanted:
            raise MemberFault(f"the video lacks frame {wanted}")
        yield frame
        wanted += 1
        if wanted == start + frames:
            return
