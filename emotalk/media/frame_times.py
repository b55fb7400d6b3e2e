"""Determine the time of each frame of a video stream.

Packets tell it without decoding where all of them carry a time of their own. Where some do not, or
where frames may be missing among them, the stream is decoded once for its times alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from emotalk.media.container import open_media, picture_stream
from emotalk.media.stamp_repair import repair_stamps
from emotalk.media.stamp_wrap import unwrapped
from emotalk.schema import Doubles, Rejection

INDEXED = ("mp4", "matroska")  # containers whose frames decord finds by their numbers
ORDER_ONLY = "avi"  # it tells the order of decoding alone: the k-th time is the k-th frame's
HIDING_CODECS = ("vp8", "vp9", "av1", "vp6", "vp6f", "theora")  # packets that show no frame
REFRESHING_CODECS = ("h264", "hevc")  # may begin at a picture that needs those before it
H264_IDR, HEVC_IDR = (5,), (19, 20)  # types of the NAL units that need none
START_CODE = b"\0\0\1"


@dataclass(frozen=True)
class FrameTimes:
    """Times of the frames of a stream.

    Attributes:
        times_s: on the container's clock, rising, (T,).
        pts: the stamp that each decoded frame is expected to carry, None where it may be any.
        hidden: decoded frames before the first one that is shown.
        indexed: the container lists its frames, so that any of them is found at once.
    """

    times_s: Doubles
    pts: list[int | None]
    hidden: int
    indexed: bool


@dataclass
class _Packets:
    """The packets of a stream as far as they matter for times.

    Attributes:
        pts: of those that are shown.
        earliest: the smallest stamp of all, hidden ones too.
        first: the first packet's stamp.
        whole: whether the first is a picture that needs none before it.
    """

    pts: list[int | None]
    first: int | None = None
    earliest: int | None = None
    whole: bool = False


def read_frame_times(path: Path) -> FrameTimes:
    """Return when the frames that a player shows are shown.

    An edit list can hide the first frames: their packets are marked to be discarded. Single frames
    without a time, or with that of another, are put between their neighbours.

    Raises:
        Rejection: `no_times` where too many have none.
        av.FFmpegError, OSError, ValueError, IndexError: the stream cannot be read.
    """
    with open_media(path) as container:
        stream = picture_stream(container)
        packets = _packets(container, stream)
        base = stream.time_base or Fraction(1, av.time_base)
        indexed = any(name in container.format.name for name in INDEXED)
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
    """Look through a stream's packets; none of them is kept."""
    found: _Packets | None = None
    for packet in container.demux(stream):
        if not packet.size:
            if packet.pts is None and packet.dts is None:
                break  # the end; PyAV would go on to streams that appeared midway
            continue
        stamp = shown_at(packet.pts, container)
        if found is None:
            whole = packet.is_keyframe and _needs_none_before(packet, stream.codec_context)
            found = _Packets([], first=stamp, earliest=stamp, whole=whole)
        if stamp is not None and found.earliest is not None:
            found.earliest = min(found.earliest, stamp)
        if not packet.is_discard:
            found.pts.append(stamp)
    return found or _Packets([])


def _needs_none_before(packet: av.Packet, codec: av.VideoCodecContext) -> bool:
    """Return whether the stream's first packet is a picture that all later ones can be built on.

    H.264 and HEVC call others key frames too: after a cut the first pictures may be missing then.
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
    """Yield the first byte of each unit of a packet, with lengths before them or start codes."""
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
    """Return the times that decoded frames carry."""
    pts: list[int | None] = []
    dts: list[int | None] = []
    hidden, length = 0, None
    with open_media(path) as container:
        stream = picture_stream(container)
        base = stream.time_base or Fraction(1, av.time_base)
        rate = stream.average_rate or stream.guessed_rate
        for frame in decoded_pictures(container, stream):
            if frame.is_corrupt and not pts:
                hidden += 1
                continue
            pts.append(shown_at(frame.pts, container))
            dts.append(shown_at(frame.dts, container))
            length = length or frame.duration
    stamps = pts if any(stamp is not None for stamp in pts) else dts
    nominal = length or (1 / (rate * base) if rate else None)
    try:
        repaired = repair_stamps(stamps, nominal=float(nominal) if nominal else None)
    except ValueError as error:
        raise Rejection("no_times", f"{path.name}: {error}") from None
    times_s = np.array([stamp * float(base) for stamp in repaired])
    return FrameTimes(times_s, pts, hidden, indexed=False)


def shown_at(stamp: int | None, container: InputContainer) -> int | None:
    """Return a frame's stamp as its container's writer meant it."""
    return None if stamp is None else unwrapped(stamp, container.format.name)


def decoded_pictures(container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Yield the frames of a stream in the order in which they are shown.

    What cannot be decoded before the first frame is passed over: a copy cut out of a longer video
    begins with pictures that are built on ones it does not hold. An empty packet (Theora's way to
    say that nothing has changed) shows the frame before it for longer.

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
            if any_shown:
                raise
            continue
        any_shown = any_shown or bool(frames)
        yield from frames
        if not packet.size:
            return  # the decoder is flushed
