"""Frames and sound of any media file, with their real times, or the reason why not.

PyAV reads sound and picture, decord single frames by their index; FFmpeg's demuxer says beforehand
which streams there are and when they start. Names are not trusted: a WAV named `.mp3` is read as
what it is. Readers are opened by whoever reads and never cross a process border: a decord reader
hangs in a forked child.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import av
import cv2  # noqa: F401  before decord, whose own zlib OpenCV's PNG decoder fails with
import decord
import numpy as np
from av.video.reformatter import VideoReformatter
from decord._ffi.base import DECORDError

from emotalk.media.file_check import check_file
from emotalk.media.resample import resample
from emotalk.schema import SAMPLE_RATE, Bytes, Doubles, Floats, Rejection

BATCH_BYTES = 64 * 2**20
SHORT_AUDIO_S = 0.2
INDEXED = ("mp4", "matroska")  # containers whose frames decord finds by their numbers
SPARSEST = 4  # every 4th frame is still read quicker in order than by index

DECODER_ERRORS = (RuntimeError, DECORDError)

decord.logging.set_level(decord.logging.FATAL)
av.logging.set_level(av.logging.FATAL)


@dataclass(frozen=True)
class MediaInfo:
    """What a file's headers say.

    Attributes:
        has_video: there is a video stream that is not a cover picture.
        has_audio: there is an audio stream.
        start_s: the time stamp that counts as 0, e.g. 1.4 in a transport stream.
        duration_s: of the whole file, or None where the headers do not say.
        audio_start_s: when the sound starts after that; 0 in a file of sound alone, where what lies
            before the first sample is the encoder's delay.
        audio_duration_s: of the audio stream by its own header, or None.
    """

    has_video: bool
    has_audio: bool
    start_s: float
    duration_s: float | None
    audio_start_s: float
    audio_duration_s: float | None


class VideoFrames:
    """The frames of one video stream, decoded while they are taken.

    Iterating yields every frame once, uint8 RGB (H, W, 3).
    """

    def __init__(self, path: Path, info: MediaInfo) -> None:
        """Look through the packets; `read_video` checks the file first and rejects faulty ones.

        Args:
            path: the file.
            info: what `probe` says of it.
        """
        self.path = path
        self.info = info
        self._size: tuple[int, int] | None = None
        self._stamps = _frame_stamps(path)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._stamps.pts)

    @cached_property
    def times_s(self) -> Doubles:
        """Time of each frame in seconds (T,), rising, on the clock that the sound shares."""
        times_s = np.array([float(pts * self._stamps.time_base) for pts in self._stamps.pts])
        return np.round(times_s - self.info.start_s, 6)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first frame in pixels."""
        if self._size is None:
            next(self._in_order([0]))
        assert self._size is not None  # the frame would be missing otherwise
        return self._size

    @property
    def batch(self) -> int:
        """How many frames fit into one batch of at most `BATCH_BYTES`."""
        height, width = self.size
        return max(1, BATCH_BYTES // (height * width * 3))

    def __iter__(self) -> Iterator[Bytes]:
        """Yield every frame in order."""
        return self.at(range(len(self)))

    def at(self, indices: Sequence[int]) -> Iterator[Bytes]:
        """Yield the frames with these indices, in the order given.

        Rising indices without large gaps take the memory of one frame.

        Raises:
            Rejection: `unreadable` where the stream breaks off or a frame is damaged.
        """
        if _is_run(indices):
            yield from self._in_order(indices)
        elif self._seekable:
            for start in range(0, len(indices), self.batch):
                yield from self._by_index(indices[start : start + self.batch])
        else:
            in_order = sorted(set(indices))
            found = dict(zip(in_order, self._in_order(in_order), strict=True))
            yield from (found[index] for index in indices)

    def _in_order(self, indices: Sequence[int]) -> Iterator[Bytes]:
        """Yield frames with rising indices out of one pass over the stream, by PyAV.

        decord would decode ahead without limit: a second of full HD is 190 MB.
        """
        wanted = iter(indices)
        index = next(wanted, None)
        to_rgb = VideoReformatter()
        try:
            with av.open(str(self.path)) as container:
                stream = _picture(container)
                stream.thread_type = "NONE"
                for seen, frame in enumerate(container.decode(stream)):
                    if index is None:
                        return
                    if seen < index and not frame.is_corrupt:
                        continue
                    shown = frame.pts if self._stamps.carried else self._stamps.pts[seen]
                    if frame.is_corrupt or shown != self._stamps.pts[index]:
                        raise self._broken_off(seen, index, "a frame is damaged or lost")
                    frame_HWC = _rgb(frame, to_rgb)
                    if index == 0:
                        self._size = frame_HWC.shape[0], frame_HWC.shape[1]
                    yield frame_HWC
                    index = next(wanted, None)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._broken_off(index or 0, indices[-1], _first_line(error)) from None
        if index is not None:
            raise self._broken_off(index, indices[-1], "the stream ends")

    @cached_property
    def _seekable(self) -> bool:
        """Whether decord's numbers are the frames' own.

        They are not in an MPEG program stream, whose first frames it drops (it repeats the last one
        as often), nor where an edit list leaves out frames: it counts those too.
        """
        return self._stamps.indexed and len(self._reader) == len(self)

    @cached_property
    def _reader(self) -> decord.VideoReader:
        return decord.VideoReader(str(self.path), num_threads=1)

    def _by_index(self, indices: Sequence[int]) -> Bytes:
        try:
            frames_THWC: Bytes = self._reader.get_batch(list(indices)).asnumpy()
        except DECODER_ERRORS as error:
            raise self._broken_off(min(indices), max(indices), _first_line(error)) from None
        return frames_THWC

    def _broken_off(self, first: int, last: int, why: str) -> Rejection:
        where = f"at frame {first}" if first == last else f"between frames {first} and {last}"
        return Rejection(
            "unreadable",
            f"{self.path.name}: the video breaks off {where} of {len(self)} ({why})",
        )


@dataclass(frozen=True)
class _Stamps:
    """When the frames of a stream are shown.

    Attributes:
        pts: presentation times, rising, in units of `time_base`.
        time_base: seconds.
        carried: frames say their own; otherwise they are counted.
        indexed: the container lists its frames, so that any of them is found at once.
    """

    pts: list[int]
    time_base: Fraction
    carried: bool
    indexed: bool


def _frame_stamps(path: Path) -> _Stamps:
    """Return the times of the frames that a player shows, from the packets or, without, decoded.

    An edit list can hide the first frames: their packets are marked to be discarded.
    """
    with av.open(str(path)) as container:
        stream = _picture(container)
        packets = [p for p in container.demux(stream) if p.size and not p.is_discard]
        base = stream.time_base or Fraction(1, av.time_base)
        pts = [packet.pts for packet in packets]
        indexed = any(name in container.format.name for name in INDEXED)
        carried = "avi" not in container.format.name  # it knows the order of decoding alone
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    known = sorted({stamp for stamp in pts if stamp is not None})
    if len(known) == len(pts):
        return _Stamps(known, base, carried=carried, indexed=indexed)
    with av.open(str(path)) as container:
        stream = _picture(container)
        stream.thread_type = "NONE"
        count = sum(1 for _ in container.decode(stream))
    return _Stamps(list(range(count)), 1 / Fraction(rate), carried=False, indexed=False)


def _picture(container: av.container.InputContainer) -> av.VideoStream:
    """Return the first video stream that is no cover picture.

    Raises:
        ValueError: FFmpeg has no decoder for it.
    """
    streams = container.streams.video
    stream = next(s for s in streams if not s.disposition & s.disposition.attached_pic)
    if stream.codec_context is None:
        raise ValueError("the picture's codec is not known")
    return stream


def _rgb(frame: av.VideoFrame, to_rgb: VideoReformatter) -> Bytes:
    """Return a frame upright, uint8 RGB (H, W, 3).

    Without a number, the conversion would start as many threads as there are cores for each frame.
    """
    rgb = to_rgb.reformat(frame, format="rgb24", threads=1)
    frame_HWC = np.asarray(rgb.to_ndarray(), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(frame_HWC, quarters)) if quarters else frame_HWC


def _is_run(indices: Sequence[int]) -> bool:
    """Return whether to read frames one after the other from the first on."""
    rising = all(a < b for a, b in pairwise(indices))
    return rising and bool(indices) and indices[-1] + 1 <= SPARSEST * len(indices)


def read_video(path: Path) -> VideoFrames:
    """Return the frames of a video file and their times.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_video`.
    """
    info = probe(path)
    if not info.has_video:
        raise Rejection("no_video", f"{path.name}: holds no video stream")
    try:
        video = VideoFrames(path, info)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not len(video):
        raise Rejection("no_video", f"{path.name}: the video stream holds no frame")
    return video


def read_audio(path: Path, *, rate: int = SAMPLE_RATE, info: MediaInfo | None = None) -> Floats:
    """Return a file's sound from time 0 of its clock: float32 mono (S,) in [-1, 1] at `rate` Hz.

    Channels are averaged. A stream that starts late is preceded by zeros, one that starts before
    time 0 is cut. Resampling is band-limited (windowed sinc over 64 zero crossings, Kaiser).

    Args:
        path: the file.
        rate: samples a second of what is returned.
        info: what `probe` says of the file, where that is known already.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_audio`, and
            `truncated_audio` where fewer samples come out than the stream's header promises
            (decord does not say).
    """
    info = info or probe(path)
    if not info.has_audio:
        raise Rejection("no_audio", f"{path.name}: holds no audio stream")
    samples, source_rate = _decoded_audio(path)
    _check_length(path, info, samples.size / source_rate)
    audio_S = resample(_from_time_zero(samples, info.audio_start_s, source_rate), source_rate, rate)
    return np.clip(audio_S, -1.0, 1.0)


def probe(path: Path) -> MediaInfo:
    """Return what a media file's headers say.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`.
    """
    check_file(path)
    try:
        with av.open(str(path)) as container:
            return _info(container)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _info(container: av.container.InputContainer) -> MediaInfo:
    audio = container.streams.audio[0] if container.streams.audio else None
    pictures = [
        s for s in container.streams.video if not s.disposition & s.disposition.attached_pic
    ]
    origin = max(0.0, (container.start_time or 0) / av.time_base)
    start = duration = None
    if audio is not None and audio.time_base is not None:
        start = None if audio.start_time is None else float(audio.start_time * audio.time_base)
        duration = None if audio.duration is None else float(audio.duration * audio.time_base)
    return MediaInfo(
        has_video=bool(pictures),
        has_audio=audio is not None,
        start_s=origin,
        duration_s=_promised_s(container, pictures),
        audio_start_s=start - origin if start is not None and pictures else 0.0,
        audio_duration_s=duration,
    )


def _promised_s(
    container: av.container.InputContainer, pictures: list[av.VideoStream]
) -> float | None:
    """Return how long the header says the file is; of a cut AVI FFmpeg alone tells what is left."""
    known = [] if container.duration is None else [container.duration / av.time_base]
    if "avi" in container.format.name and pictures and pictures[0].average_rate:
        known.append(float(pictures[0].frames / pictures[0].average_rate))
    return max(known, default=None)


def _unreadable(path: Path, error: Exception) -> Rejection:
    return Rejection(
        "unreadable",
        f"{path.name}: not a media file that FFmpeg reads ({_first_line(error)})",
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][-160:] if lines else type(error).__name__


def _decoded_audio(path: Path) -> tuple[Floats, int]:
    """Return mono samples at the stream's own rate, and that rate.

    By PyAV: decord sums stereo 1.4 times too loud, and its separate channels are not to be trusted.
    """
    chunks: list[Floats] = []
    rate = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise ValueError("the sound's codec is not known")
            rate = int(stream.codec_context.sample_rate or 0)
            # packed: PyAV's view of the planes ends the process where there are 8 channels or more
            packed = av.AudioResampler(format="flt", rate=rate or None)
            for frame in container.decode(stream):
                chunks += [_mean_of_channels(part) for part in packed.resample(frame)]
    except (av.FFmpegError, OSError, ValueError) as error:
        if not chunks:
            raise _unreadable(path, error) from None  # else the length tells how much is missing
    if not rate or not any(chunk.size for chunk in chunks):
        raise Rejection("no_audio", f"{path.name}: the audio stream holds no sample")
    return np.concatenate(chunks).astype(np.float32), rate


def _mean_of_channels(packed: av.AudioFrame) -> Floats:
    samples_SC: Floats = packed.to_ndarray().reshape(-1, len(packed.layout.channels))
    mean_S: Floats = np.einsum("sc->s", samples_SC) / np.float32(samples_SC.shape[1])
    return mean_S


def _check_length(path: Path, info: MediaInfo, decoded_s: float) -> None:
    promised = info.audio_duration_s
    if promised is None and not info.has_video:
        promised = info.duration_s
    if promised is not None and decoded_s < promised - SHORT_AUDIO_S:
        raise Rejection(
            "truncated_audio",
            f"{path.name}: {decoded_s:.2f} s of sound could be decoded of the {promised:.2f} s its "
            f"header promises (limit {SHORT_AUDIO_S} s less)",
        )


def _from_time_zero(samples: Floats, start_s: float, rate: int) -> Floats:
    offset = round(start_s * rate)
    if offset >= 0:
        return np.concatenate([np.zeros(offset, np.float32), samples])
    return samples[-offset:]
