"""Times for frames that have none, or that of another frame, from those of their neighbours."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

MOST_OFF = 3  # frames: so far may a stamp be from a constant rate that the stream keeps as a whole
MOST_FILLED = 0.75  # of all frames: some containers give a time to one of a few
REGULAR = 0.5  # of a frame: so near must known times be to a constant rate, to be counted through


def repair_stamps(stamps: Sequence[int | None], *, nominal: float | None) -> list[float]:
    """Return rising times for all frames, those known as they are.

    Where the stream keeps its nominal rate from end to end, the frames are at that rate: program
    streams give a packet's time to a frame or two before or after the one that it belongs to.
    Otherwise times that do not rise are taken for errors: the longest rising series of them is
    believed. Of two frames with one time, the one that leaves the steps more even keeps it. A hole
    of one frame is filled half way between its neighbours. A longer one is counted through at the
    nominal rate where the known times at its ends agree with that, as one at either end is.

    Args:
        stamps: presentation times in the order of showing, None where a frame has none.
        nominal: how long a frame is shown by the stream's own rate, in the same unit, if known.

    Returns:
        Times in the same unit.

    Raises:
        ValueError: there are too few times, or a hole cannot be filled.
    """
    if not stamps:
        return []
    even = _at_constant_rate(stamps, nominal)
    if even is not None:
        return even
    trusted = _believed(stamps)
    known = [index for index, stamp in enumerate(trusted) if stamp is not None]
    missing = len(stamps) - len(known)
    if not known or missing > MOST_FILLED * len(stamps):
        raise ValueError(
            f"{missing} of {len(stamps)} frames have no time of their own, at most "
            f"{MOST_FILLED:g} of them may be filled in"
        )
    step = nominal or _usual_step(trusted, known)
    times = [0.0 if stamp is None else float(stamp) for stamp in trusted]
    for before, after in pairwise(known):
        _fill(times, before, after, step)
    _extend(times, known[0], known[-1], step)
    return times


def _at_constant_rate(stamps: Sequence[int | None], nominal: float | None) -> list[float] | None:
    """Return times at the nominal rate if most stamps, and both ends, lie on it, else None."""
    known = [(index, stamp) for index, stamp in enumerate(stamps) if stamp is not None]
    if nominal is None or not known or len(known) < (1 - MOST_FILLED) * len(stamps):
        return None
    start = median(stamp - index * nominal for index, stamp in known)
    off = [abs(stamp - start - index * nominal) / nominal for index, stamp in known]
    on_it = sum(frames <= REGULAR for frames in off)
    if max(off) > MOST_OFF or max(off[0], off[-1]) > REGULAR or 2 * on_it < len(off):
        return None
    return [start + index * nominal for index in range(len(stamps))]


def _believed(stamps: Sequence[int | None]) -> list[int | None]:
    """Return the stamps without those that are not of the longest rising series."""
    ends: list[int] = []  # value at the end of the best series of each length
    lengths = [0] * len(stamps)
    for index, stamp in enumerate(stamps):
        if stamp is not None:
            place = bisect_left(ends, stamp)
            ends[place : place + 1] = [stamp]
            lengths[index] = place + 1
    kept: list[int | None] = [None] * len(stamps)
    wanted, bound = len(ends), None
    for index in range(len(stamps) - 1, -1, -1):
        stamp = stamps[index]
        if wanted and lengths[index] == wanted and (bound is None or _below(stamp, bound)):
            kept[index], bound, wanted = stamp, stamp, wanted - 1
    return _moved_to_even_steps(stamps, kept)


def _below(stamp: int | None, bound: int) -> bool:
    return stamp is not None and stamp < bound


def _moved_to_even_steps(stamps: Sequence[int | None], kept: list[int | None]) -> list[int | None]:
    """Give the time of two equal ones to the earlier frame, where that leaves the steps more even.

    The later one of both keeps it from the search above.
    """
    for index in range(len(stamps) - 1):
        stamp = kept[index + 1]
        if kept[index] is not None or stamp is None or stamps[index] != stamp:
            continue
        before = kept[index - 1] if index else None
        after = kept[index + 2] if index + 2 < len(kept) else None
        earlier_is_even = after is None or (before is not None and after - stamp > stamp - before)
        if earlier_is_even:
            kept[index], kept[index + 1] = stamp, None
    return kept


def _usual_step(trusted: Sequence[int | None], known: Sequence[int]) -> float | None:
    """Return the median time from frame to frame over the known ones."""
    steps = []
    for before, after in pairwise(known):
        first, last = trusted[before], trusted[after]
        if first is not None and last is not None:
            steps.append((last - first) / (after - before))
    return float(median(steps)) if steps else None


def _fill(times: list[float], before: int, after: int, step: float | None) -> None:
    """Put the frames between two known ones at even distances."""
    count = after - before
    if count == 1:
        return
    length = times[after] - times[before]
    if count > 2 and (step is None or abs(length / count - step) > REGULAR * step):
        raise ValueError(
            f"frames {before + 1} to {after - 1} have no time of their own, and those about them "
            "are not at a constant rate"
        )
    for index in range(before + 1, after):
        times[index] = times[before] + length * (index - before) / count


def _extend(times: list[float], first: int, last: int, step: float | None) -> None:
    """Count the frames before the first known one and after the last."""
    outside = first + len(times) - 1 - last
    if outside and step is None:
        raise ValueError(f"{outside} frames at the ends have no time, and no rate is known")
    for index in range(first - 1, -1, -1):
        times[index] = times[index + 1] - (step or 0.0)
    for index in range(last + 1, len(times)):
        times[index] = times[index - 1] + (step or 0.0)
