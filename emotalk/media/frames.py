"""Read the frames of a video file and their presentation times.

PyAV reads frames in order, decord reads single frames by their index. A decord reader hangs in a
forked process, so readers are opened where they are used and never passed to another process.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

import av
import cv2  # noqa: F401  before decord: OpenCV's PNG decoder fails with decord's zlib
import decord
import numpy as np
from av.container import InputContainer
from decord._ffi.base import DECORDError

from emotalk.media.container import (
    READING_ERRORS,
    MediaInfo,
    first_line,
    open_media,
    probe,
    unreadable,
    video_stream,
)
from emotalk.media.frame_rgb import RgbConverter
from emotalk.media.frame_times import (
    FrameTimes,
    decode_frames,
    presentation_time,
    read_frame_times,
)
from emotalk.schema import Bytes, Doubles, Rejection

BATCH_BYTES = 64 * 2**20
SAME_COLOURS = 0.5  # levels of 255, mean difference; 0 where both readers convert equally
MAX_STRIDE = 4  # every 4th frame is still read faster in order than by index

EBML = b"\x1a\x45\xdf\xa3"
FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")

DECODER_ERRORS = (RuntimeError, DECORDError)

Picture = TypeVar("Picture")

decord.logging.set_level(decord.logging.FATAL)


class VideoFrames:
    """Frames of one video stream, decoded when they are read.

    Iterating yields every frame once, uint8 RGB (H, W, 3).
    """

    def __init__(self, path: Path, info: MediaInfo, stamps: FrameTimes) -> None:
        """Take the frames' times; `read_video` checks the file and reads them."""
        self.path = path
        self.info = info
        self.stamps = stamps
        self.first = 0  # index in the file of the first frame
        self._size: tuple[int, int] | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.stamps.times_s)

    @cached_property
    def times_s(self) -> Doubles:
        """Return the time of each frame in seconds (T,), rising, on the clock of the sound."""
        return np.round(self.stamps.times_s - self.info.start_s, 6)

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width of the first frame in pixels."""
        if self._size is None:
            next(self._in_order([0]))
        assert self._size is not None  # set by `_in_order`
        return self._size

    @property
    def batch(self) -> int:
        """Return the number of frames that fit into one batch of at most `BATCH_BYTES`."""
        height, width = self.size
        return max(1, BATCH_BYTES // (height * width * 3))

    def __iter__(self) -> Iterator[Bytes]:
        """Yield every frame in order."""
        return self.at(range(len(self)))

    def at(self, indices: Sequence[int]) -> Iterator[Bytes]:
        """Yield the frames with these indices, in the order given.

        Rising indices without large gaps need the memory of one frame.

        Raises:
            Rejection: `unreadable` where the stream ends early or a frame is damaged.
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

    def decoded(
        self, convert: Callable[[RgbConverter, av.VideoFrame], Picture]
    ) -> Iterator[Picture]:
        """Yield what `convert` makes of every frame, in order.

        Raises:
            Rejection: `unreadable` where the stream ends early or a frame is damaged.
        """
        return self._decoded(range(len(self)), convert)

    def _in_order(self, indices: Sequence[int]) -> Iterator[Bytes]:
        """Yield frames with rising indices in one pass over the stream."""
        for index, frame_HWC in zip(
            indices, self._decoded(indices, RgbConverter.convert), strict=True
        ):
            if index == 0:
                self._size = frame_HWC.shape[0], frame_HWC.shape[1]
            yield frame_HWC

    def _decoded(
        self, indices: Sequence[int], convert: Callable[[RgbConverter, av.VideoFrame], Picture]
    ) -> Iterator[Picture]:
        """Yield what `convert` makes of frames with rising indices, decoded by PyAV.

        decord decodes ahead without limit: a second of full HD is 190 MB.
        """
        wanted = iter(indices)
        index = next(wanted, None)
        try:
            with open_media(self.path) as container:
                to_rgb = RgbConverter(video_stream(container).sample_aspect_ratio)
                for seen, frame in enumerate(self._shown(container)):
                    if seen == 0:
                        to_rgb.begin(frame)
                    if index is None:
                        return
                    if seen < index and not frame.is_corrupt:
                        continue
                    stamp = self.stamps.pts[index]
                    if frame.is_corrupt or (
                        stamp is not None and presentation_time(frame.pts, container) != stamp
                    ):
                        raise self._broken_off(seen, index, "a frame is damaged or lost")
                    yield convert(to_rgb, frame)
                    index = next(wanted, None)
        except READING_ERRORS as error:
            raise self._broken_off(index or 0, indices[-1], first_line(error)) from None
        if index is not None:
            raise self._broken_off(index, indices[-1], "the stream ends")

    def _shown(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        frames = decode_frames(container, video_stream(container))
        return islice(frames, self.stamps.hidden, None)

    @cached_property
    def _seekable(self) -> bool:
        """Return whether decord's frame numbers and colours are those of this stream.

        decord drops the first frames of an MPEG program stream (and repeats the last one), counts
        frames that an edit list leaves out, and may decode another shape or other colours.
        """
        if not self.stamps.indexed or not _has_box_or_ebml(self.path):
            return False
        try:
            return len(self._reader) == len(self) and self._first_frames_agree()
        except DECODER_ERRORS:
            return False  # its FFmpeg is older than PyAV's

    def _first_frames_agree(self) -> bool:
        try:
            by_pyav, by_decord = next(self._in_order([0])), self._by_index([0])[0]
        except Rejection:
            return False
        if by_pyav.shape != by_decord.shape:
            return False
        return bool(np.abs(by_pyav.astype(np.int16) - by_decord).mean() <= SAME_COLOURS)

    @cached_property
    def _reader(self) -> decord.VideoReader:
        """Open the file for decord by its descriptor: a name could be a protocol or a pattern."""
        with self.path.open("rb") as file:
            return decord.VideoReader(f"file:/dev/fd/{file.fileno()}", num_threads=1)

    def _by_index(self, indices: Sequence[int]) -> Bytes:
        try:
            frames_THWC: Bytes = self._reader.get_batch(list(indices)).asnumpy()
        except DECODER_ERRORS as error:
            raise self._broken_off(min(indices), max(indices), first_line(error)) from None
        return frames_THWC

    def _broken_off(self, first: int, last: int, why: str) -> Rejection:
        where = f"at frame {first}" if first == last else f"between frames {first} and {last}"
        return Rejection(
            "unreadable",
            f"{self.path.name}: the video breaks off {where} of {len(self)} ({why})",
        )


def _has_box_or_ebml(path: Path) -> bool:
    """Return whether a file begins like MP4 or Matroska.

    decord's FFmpeg has no list of allowed formats. It takes no file that begins so for a playlist.
    """
    with path.open("rb") as file:
        head = file.read(8)
    return head[:4] == EBML or head[4:8] in FIRST_BOXES


def _is_run(indices: Sequence[int]) -> bool:
    """Return whether to read these frames in order from the first one on."""
    rising = all(a < b for a, b in pairwise(indices))
    return rising and bool(indices) and indices[-1] + 1 <= MAX_STRIDE * len(indices)


def read_video(path: Path) -> VideoFrames:
    """Return the frames of a video file and their times.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_video`, and
            `no_times` where the times of the frames are unknown.
    """
    info = probe(path)
    if not info.has_video:
        raise Rejection("no_video", f"{path.name}: holds no video stream")
    try:
        video = VideoFrames(path, info, read_frame_times(path))
    except READING_ERRORS as error:
        raise unreadable(path, error) from None
    if not len(video):
        raise Rejection("no_video", f"{path.name}: the video stream holds no frame")
    return video
