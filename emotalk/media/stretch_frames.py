"""Read the frames of a stretch of a long video: seek to the key frame before it and decode.

Seeking is not trusted: the frames that are found must have the time stamps that these frames had
when the whole file was read in order (`stamps_crc`). Otherwise, and in files whose time stamps are
incomplete, the stream is decoded from its beginning, in constant memory.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import dropwhile
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from emotalk.media.container import (
    READING_ERRORS,
    MediaInfo,
    open_media,
    probe,
    unreadable,
    video_stream,
)
from emotalk.media.frame_times import (
    HIDING_CODECS,
    FrameTimes,
    decode_frames,
    presentation_time,
    read_frame_times,
)
from emotalk.media.frames import VideoFrames
from emotalk.schema import Doubles, Rejection

BEFORE_S = (0.5, 5.0, 30.0)  # a seek aims at so much before a stretch, in the order of trial
REORDERED_S = 2.0  # no frame is stored later than this after those that follow it
SLACK_S = 0.002  # time stamps of some containers are rounded to milliseconds


@dataclass(frozen=True)
class Span:
    """A part of a file, on the clock that its picture and sound share."""

    start_s: float
    end_s: float

    def contains(self, times_s: Doubles) -> slice:
        """Return the frames whose rising times (T,) lie in the span."""
        first, last = np.searchsorted(
            times_s, [self.start_s - SLACK_S, self.end_s - SLACK_S], side="left"
        )
        return slice(int(first), int(last))


class StretchFrames(VideoFrames):
    """Frames of a stretch; their times are counted from its start."""

    def __init__(
        self, path: Path, info: MediaInfo, stamps: FrameTimes, span: Span, seek_s: float | None
    ) -> None:
        """Take the times of the stretch's frames, and where to seek; `read_stretch` finds both."""
        super().__init__(path, info, stamps)
        self.span = span
        self._seek_s = seek_s

    @cached_property
    def times_s(self) -> Doubles:
        """Return the time of each frame from the stretch's start in seconds (T,), rising."""
        return np.round(self.stamps.times_s - self.info.start_s - self.span.start_s, 6)

    @property
    def seeks(self) -> bool:
        """Return whether the reader seeks to the stretch."""
        return self._seek_s is not None

    @property
    def _seekable(self) -> bool:
        return False  # a stretch is short: single frames are read in order, too

    def _shown(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        if self._seek_s is None:
            return super()._shown(container)
        stream, first = video_stream(container), self.stamps.pts[0]
        _seek(container, stream, self._seek_s)
        frames = decode_frames(container, stream)
        return dropwhile(lambda frame: not _reached(frame, container, first), frames)


def read_stretch(
    path: Path, span: Span, *, first: int, stamps_crc: int, seeks: bool
) -> StretchFrames:
    """Return the frames of a stretch of a video file and their times.

    Args:
        path: the file.
        span: the stretch.
        first: index in the file of its first frame.
        stamps_crc: `crc_of` the times that its frames have in the whole file.
        seeks: seek to the stretch; else all of the file before it is decoded.

    Raises:
        Rejection: as `read_video`; `file_changed` where these frames are not found.
    """
    info = probe(path)
    try:
        found = _sought(path, info, span, stamps_crc) if seeks else _in_whole(path, info, span)
    except READING_ERRORS as error:
        raise unreadable(path, error) from None
    if found is None or crc_of(found.stamps) != stamps_crc or not len(found):
        raise Rejection(
            "file_changed",
            f"{path.name}: the frames between {span.start_s:.3f} and {span.end_s:.3f} s are not "
            "those any more that were there when it was cut",
        )
    found.first = first
    return found


def part_of(stamps: FrameTimes, info: MediaInfo, span: Span) -> FrameTimes:
    """Return the times of the frames in a span."""
    inside = span.contains(np.round(stamps.times_s - info.start_s, 6))
    return replace(
        stamps,
        times_s=stamps.times_s[inside],
        pts=stamps.pts[inside],
        hidden=stamps.hidden + inside.start,
    )


def crc_of(stamps: FrameTimes) -> int:
    """Return a checksum of frames' times in microseconds."""
    return zlib.crc32(np.round(1e6 * stamps.times_s).astype("<i8").tobytes())


def _in_whole(path: Path, info: MediaInfo, span: Span) -> StretchFrames:
    """Return a span's frames by the times of all frames of the file."""
    return StretchFrames(path, info, part_of(read_frame_times(path), info, span), span, None)


def _sought(path: Path, info: MediaInfo, span: Span, stamps_crc: int) -> StretchFrames | None:
    """Return a span's frames by seeking; None if they cannot be found so."""
    for before_s in BEFORE_S:
        seek_s = info.start_s + span.start_s - before_s
        stamps = _stamps_after(path, info, span, seek_s)
        if stamps is not None and crc_of(stamps) == stamps_crc:
            return StretchFrames(path, info, stamps, span, seek_s)
    return None


def _stamps_after(path: Path, info: MediaInfo, span: Span, seek_s: float) -> FrameTimes | None:
    """Return the times of a span's frames after a seek, or None if it failed."""
    try:
        with open_media(path) as container:
            stream = video_stream(container)
            base = stream.time_base or Fraction(1, av.time_base)
            hiding = stream.codec_context.name in HIDING_CODECS
            _seek(container, stream, seek_s)
            read = _decoded_stamps if hiding else _packet_stamps
            stamps = read(container, stream, info.start_s + span.end_s)
    except READING_ERRORS:
        return None
    times_s = np.array(stamps, np.float64) * base.numerator / base.denominator
    every = FrameTimes(times_s, list(stamps), 0, indexed=False)
    return replace(part_of(every, info, span), hidden=0)


def _packet_stamps(
    container: InputContainer, stream: av.VideoStream, end_s: float
) -> Sequence[int]:
    """Return the sorted time stamps from the first key frame up to a time; none if one lacks."""
    stamps: list[int] = []
    first = None
    for packet in container.demux(stream):
        if not packet.size:
            if packet.pts is None and packet.dts is None:
                break  # the end
            continue
        stamp = presentation_time(packet.pts, container)
        if first is None and packet.is_keyframe:
            first = stamp
        if first is None:
            continue
        if stamp is None:
            return []
        if stamp >= first and not packet.is_discard:
            stamps.append(stamp)
        if float(stamp * packet.time_base) > end_s + REORDERED_S:
            break
    return sorted(stamps)


def _decoded_stamps(
    container: InputContainer, stream: av.VideoStream, end_s: float
) -> Sequence[int]:
    """Return the time stamps of the decoded frames up to a time; none if one is missing."""
    stamps: list[int] = []
    for frame in decode_frames(container, stream):
        stamp = presentation_time(frame.pts, container)
        if stamp is None or frame.is_corrupt:
            return []
        stamps.append(stamp)
        if float(stamp * (stream.time_base or 0)) > end_s:
            break
    return stamps


def _reached(frame: av.VideoFrame, container: InputContainer, first: int | None) -> bool:
    stamp = presentation_time(frame.pts, container)
    return stamp is not None and first is not None and stamp >= first


def _seek(container: InputContainer, stream: av.VideoStream, time_s: float) -> None:
    """Go to the last key frame before a time of the container's clock, or near to it."""
    base = stream.time_base or Fraction(1, av.time_base)
    container.seek(int(time_s / base), stream=stream)
