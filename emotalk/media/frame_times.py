"""When each frame of a video stream is shown."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from emotalk.media.container import open_media, picture_stream

INDEXED = ("mp4", "matroska")  # containers whose frames decord finds by their numbers


@dataclass(frozen=True)
class FrameTimes:
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


def read_frame_times(path: Path) -> FrameTimes:
    """Return the times of the frames that a player shows, from the packets or, without, decoded.

    An edit list can hide the first frames: their packets are marked to be discarded.
    """
    with open_media(path) as container:
        stream = picture_stream(container)
        packets = [p for p in container.demux(stream) if p.size and not p.is_discard]
        base = stream.time_base or Fraction(1, av.time_base)
        pts = [packet.pts for packet in packets]
        indexed = any(name in container.format.name for name in INDEXED)
        carried = "avi" not in container.format.name  # it knows the order of decoding alone
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    known = sorted({stamp for stamp in pts if stamp is not None})
    if len(known) == len(pts):
        return FrameTimes(known, base, carried=carried, indexed=indexed)
    with open_media(path) as container:
        stream = picture_stream(container)
        stream.thread_type = "NONE"
        count = sum(1 for _ in container.decode(stream))
    return FrameTimes(list(range(count)), 1 / Fraction(rate), carried=False, indexed=False)
