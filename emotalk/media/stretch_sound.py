"""Read the sound of a stretch of a long recording, with the clock of the whole file.

A reader that seeks lands at any place of the container. It is accepted if its first block begins
before the stretch. Otherwise it seeks further back, and at last it decodes the whole file.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from emotalk.media.container import MediaInfo
from emotalk.media.sound import Sound, sound_of_blocks
from emotalk.media.sound_blocks import SoundBlock, decode_sound_blocks
from emotalk.media.stretch_frames import Span
from emotalk.schema import SAMPLE_RATE, Rejection

BEFORE_S = (1.0, 10.0)  # a seek aims at so much before the stretch, then at so much more
AROUND_S = 0.25  # sound on either side that the resampler and the decoder need


def read_stretch_sound(
    path: Path, info: MediaInfo, span: Span, *, seeks: bool, rate: int = SAMPLE_RATE
) -> Sound:
    """Return the sound of a stretch, its times counted from the stretch's start.

    Channels are mixed as in `read_sound`, by the stretch alone.

    Args:
        path: the file.
        info: of `probe`.
        span: the stretch; its start is a whole number of milliseconds.
        seeks: seek to the stretch; else all of the file before it is decoded.
        rate: samples a second of the result, a multiple of 1000.

    Raises:
        Rejection: `unreadable`, `no_times`, and `no_audio` where the stretch has no sound.
    """
    blocks: list[SoundBlock] | None = None
    for from_s in _seeks(info, span) if seeks else ():
        blocks = blocks or _sought(path, info, span, from_s)
    if blocks is None:
        blocks = list(_between(info, span, decode_sound_blocks(path, info)))
    if not blocks:
        raise Rejection("no_audio", f"{path.name}: no sound between its times")
    whole = sound_of_blocks(blocks, rate, info.start_s)
    return whole.since(span.start_s)


def _seeks(info: MediaInfo, span: Span) -> list[float]:
    """Return the times of the container's clock to seek to, in the order of trial."""
    wanted = [span.start_s - before_s for before_s in BEFORE_S]
    return [info.start_s + time_s for time_s in wanted if time_s > 0]


def _sought(path: Path, info: MediaInfo, span: Span, from_s: float) -> list[SoundBlock] | None:
    """Return the blocks of a span after a seek; None if it landed too late, or failed."""
    try:
        blocks = decode_sound_blocks(path, info, from_s=from_s)
        first = next(blocks)
        if first.start_s > info.start_s + span.start_s - AROUND_S:
            return None
        return list(_between(info, span, chain([first], blocks)))
    except Rejection:
        return None


def _between(info: MediaInfo, span: Span, blocks: Iterable[SoundBlock]) -> Iterator[SoundBlock]:
    """Yield the blocks about a span."""
    for block in blocks:
        if block.start_s > info.start_s + span.end_s + AROUND_S:
            return
        if block.end_s >= info.start_s + span.start_s - AROUND_S:
            yield block
