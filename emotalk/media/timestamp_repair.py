"""Estimate times of frames without a time stamp, or with a wrong one, from their neighbours'."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

MAX_DEVIATION = 3  # frames: of a time stamp from the constant rate of the whole stream
MAX_FILLED = 0.75  # share of all frames: some containers time only one frame of a few
TOLERANCE = 0.5  # frames: deviation of known times from a constant rate


def repair_timestamps(stamps: Sequence[int | None], *, nominal: float | None) -> list[float]:
    """Return rising times of all frames.

    1. If the stream as a whole has its nominal rate, the frames get the times of that rate: program
       streams may give a packet's time to a neighbouring frame.
    2. Otherwise the longest rising series of time stamps is kept. Of two frames with the same time
       stamp, the one that makes the steps more even keeps it.
    3. A single missing time is the mean of its neighbours. More of them, and those at the ends,
       follow the nominal rate, provided that the known times on both sides agree with it.

    Args:
        stamps: presentation time stamps in the order of presentation, None where a frame has none.
        nominal: duration of a frame by the stream's rate, in the same unit, if known.

    Returns:
        Times in the same unit.

    Raises:
        ValueError: there are too few time stamps, or missing ones cannot be estimated.
    """
    if not stamps:
        return []
    even = _at_constant_rate(stamps, nominal)
    if even is not None:
        return even
    trusted = _longest_rising(stamps)
    known = [index for index, stamp in enumerate(trusted) if stamp is not None]
    missing = len(stamps) - len(known)
    if not known or missing > MAX_FILLED * len(stamps):
        raise ValueError(
            f"{missing} of {len(stamps)} frames have no time of their own, at most "
            f"{MAX_FILLED:g} of them may be filled in"
        )
    step = nominal or _usual_step(trusted, known)
    times = [0.0 if stamp is None else float(stamp) for stamp in trusted]
    for before, after in pairwise(known):
        _fill(times, before, after, step)
    _extend(times, known[0], known[-1], step)
    return times


def _at_constant_rate(stamps: Sequence[int | None], nominal: float | None) -> list[float] | None:
    """Return times at the nominal rate if most time stamps and both ends agree, else None."""
    known = [(index, stamp) for index, stamp in enumerate(stamps) if stamp is not None]
    if nominal is None or not known or len(known) < (1 - MAX_FILLED) * len(stamps):
        return None
    start = median(stamp - index * nominal for index, stamp in known)
    off = [abs(stamp - start - index * nominal) / nominal for index, stamp in known]
    regular = sum(frames <= TOLERANCE for frames in off)
    if max(off) > MAX_DEVIATION or max(off[0], off[-1]) > TOLERANCE or 2 * regular < len(off):
        return None
    return [start + index * nominal for index in range(len(stamps))]


def _longest_rising(stamps: Sequence[int | None]) -> list[int | None]:
    """Return the longest rising series of time stamps, None for all others."""
    ends: list[int] = []  # smallest last value of a series of each length
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
    """Move a time stamp that two frames share to the earlier one, if steps are more even so.

    `_longest_rising` keeps that of the later frame.
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
    """Return the median time step between known frames."""
    steps = []
    for before, after in pairwise(known):
        first, last = trusted[before], trusted[after]
        if first is not None and last is not None:
            steps.append((last - first) / (after - before))
    return float(median(steps)) if steps else None


def _fill(times: list[float], before: int, after: int, step: float | None) -> None:
    """Set the times between two known frames, evenly spaced."""
    count = after - before
    if count == 1:
        return
    length = times[after] - times[before]
    if count > 2 and (step is None or abs(length / count - step) > TOLERANCE * step):
        raise ValueError(
            f"frames {before + 1} to {after - 1} have no time of their own, and those about them "
            "are not at a constant rate"
        )
    for index in range(before + 1, after):
        times[index] = times[before] + length * (index - before) / count


def _extend(times: list[float], first: int, last: int, step: float | None) -> None:
    """Set the times before the first known frame and after the last."""
    outside = first + len(times) - 1 - last
    if outside and step is None:
        raise ValueError(f"{outside} frames at the ends have no time, and no rate is known")
    for index in range(first - 1, -1, -1):
        times[index] = times[index + 1] - (step or 0.0)
    for index in range(last + 1, len(times)):
        times[index] = times[index - 1] + (step or 0.0)
