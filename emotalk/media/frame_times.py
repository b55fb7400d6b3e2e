"""Determine the presentation time of each frame of a video stream.

Where every packet has a time stamp of its own, they are read without decoding. Where some have
none, or frames may be missing, the stream is decoded once for its times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from emotalk.media.container import open_media, unwrap_timestamp, video_stream
from emotalk.media.timestamp_repair import repair_timestamps
from emotalk.schema import Doubles, Rejection

INDEXED = ("mp4", "matroska")  # containers in which decord can seek to a frame's number
ORDER_ONLY = "avi"  # has decoding times only: the k-th time is the k-th frame's
HIDING_CODECS = ("vp8", "vp9", "av1", "vp6", "vp6f", "theora")  # have packets without a frame
REFRESHING_CODECS = ("h264", "hevc")  # may begin at a frame that refers to earlier ones
H264_IDR, HEVC_IDR = (5,), (19, 20)  # types of the NAL units that refer to none
START_CODE = b"\0\0\1"


@dataclass(frozen=True)
class FrameTimes:
    """Times of the frames of a stream."""

    times_s: Doubles  # on the container's clock, rising, (T,)
    pts: list[int | None]  # time stamp expected of each decoded frame, None where any is accepted
    hidden: int  # number of decoded frames before the first one that is shown
    # The container lists its frames, and each key frame starts anew, so that a reader can seek to
    # any frame by its number: decord is some 50 frames off in a Matroska file with open GOPs.
    indexed: bool


@dataclass
class _Packets:
    """Time stamps of the packets of a stream."""

    pts: list[int | None]  # of the packets that are shown
    first: int | None = None  # of the first packet
    earliest: int | None = None  # the smallest of all, hidden ones included
    whole: bool = False  # whether the first frame refers to no earlier one
    closed: bool = True  # whether no frame refers to one before the last key frame


def read_frame_times(path: Path) -> FrameTimes:
    """Return the times of the frames that a player shows.

    An edit list can hide the first frames: their packets are marked as discarded. Single frames
    without a time stamp, or with that of another frame, get a time between their neighbours'.

    Raises:
        Rejection: `no_times` where too many frames have none.
        av.FFmpegError, OSError, ValueError, IndexError: the stream cannot be read.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        packets = _packets(container, stream)
        base = stream.time_base or Fraction(1, av.time_base)
        indexed = packets.closed and any(name in container.format.name for name in INDEXED)
        counted = container.format.name == ORDER_ONLY
        hiding = stream.codec_context.name in HIDING_CODECS
    stamps = [stamp for stamp in packets.pts if stamp is not None]
    clear = len(set(stamps)) == len(packets.pts)
    if clear and (counted or (packets.whole and packets.first == packets.earliest and not hiding)):
        stamps.sort()
        times_s = np.array(stamps, np.float64) * base.numerator / base.denominator
        return FrameTimes(
            times_s, list(stamps) if not counted else [None] * len(stamps), 0, indexed
        )
    return _decoded_times(path)


def _packets(container: InputContainer, stream: av.VideoStream) -> _Packets:
    """Read the time stamps of all packets of a stream."""
    found: _Packets | None = None
    for packet in container.demux(stream):
        if not packet.size:
            if packet.pts is None and packet.dts is None:
                break  # the end; PyAV would continue with streams that started later
            continue
        stamp = presentation_time(packet.pts, container)
        if found is None:
            whole = packet.is_keyframe and _is_random_access(packet, stream.codec_context)
            found = _Packets([], first=stamp, earliest=stamp, whole=whole)
        if packet.is_keyframe and found.closed:
            found.closed = _is_random_access(packet, stream.codec_context)
        if stamp is not None and found.earliest is not None:
            found.earliest = min(found.earliest, stamp)
        if not packet.is_discard:
            found.pts.append(stamp)
    return found or _Packets([])


def _is_random_access(packet: av.Packet, codec: av.VideoCodecContext) -> bool:
    """Return whether all frames from this packet on can be decoded.

    In H.264 and HEVC that holds for IDR frames only: after a cut, frames that follow another key
    frame may refer to missing ones.
    """
    if codec.name not in REFRESHING_CODECS:
        return True
    kinds = {
        unit[0] & 0x1F if codec.name == "h264" else unit[0] >> 1 & 0x3F
        for unit in _nal_units(bytes(packet), codec.extradata or b"")
        if unit
    }
    return bool(kinds & set(H264_IDR if codec.name == "h264" else HEVC_IDR))


def _nal_units(data: bytes, extradata: bytes) -> Iterator[bytes]:
    """Yield the first byte of each NAL unit of a packet, after lengths or start codes."""
    if not extradata.startswith(b"\1"):
        at = data.find(START_CODE)
        while at >= 0:
            yield data[at + 3 : at + 4]
            at = data.find(START_CODE, at + 3)
        return
    at = 0
    while at + 4 < len(data):
        yield data[at + 4 : at + 5]
        at += 4 + int.from_bytes(data[at : at + 4])


def _decoded_times(path: Path) -> FrameTimes:
    """Return the times of the decoded frames."""
    pts: list[int | None] = []
    dts: list[int | None] = []
    hidden, length = 0, None
    with open_media(path) as container:
        stream = video_stream(container)
        base = stream.time_base or Fraction(1, av.time_base)
        rate = stream.average_rate or stream.guessed_rate
        for frame in decode_frames(container, stream):
            if frame.is_corrupt and not pts:
                hidden += 1
                continue
            pts.append(presentation_time(frame.pts, container))
            dts.append(presentation_time(frame.dts, container))
            length = length or frame.duration
    stamps = pts if any(stamp is not None for stamp in pts) else dts
    nominal = length or (1 / (rate * base) if rate else None)
    try:
        repaired = repair_timestamps(stamps, nominal=float(nominal) if nominal else None)
    except ValueError as error:
        raise Rejection("no_times", f"{path.name}: {error}") from None
    times_s = np.array([stamp * float(base) for stamp in repaired])
    return FrameTimes(times_s, pts, hidden, indexed=False)


def presentation_time(stamp: int | None, container: InputContainer) -> int | None:
    """Return a frame's time stamp without wraparound."""
    return None if stamp is None else unwrap_timestamp(stamp, container.format.name)


def decode_frames(
    container: InputContainer, stream: av.VideoStream, *, skip_damage: bool = False
) -> Iterator[av.VideoFrame]:
    """Yield the frames of a stream in the order of presentation.

    Errors before the first frame are skipped: a part cut out of a longer video begins with frames
    that refer to missing ones. An empty packet (in Theora: nothing has changed) prolongs the frame
    before it. With `skip_damage` packets that cannot be decoded are skipped.

    Raises:
        av.FFmpegError, ValueError: a later packet cannot be decoded.
    """
    any_shown = False
    for packet in container.demux(stream):
        flushing = packet.pts is None and packet.dts is None
        if not packet.size and not flushing:
            continue
        try:
            frames = packet.decode()
        except av.FFmpegError:
            if any_shown and not skip_damage:
                raise
            continue
        any_shown = any_shown or bool(frames)
        yield from frames
        if not packet.size:
            return  # the decoder is flushed
