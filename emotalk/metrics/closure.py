"""Measure whether the mouth is shut on the sounds of shut lips: P, B and M.

The mouth's opening is read at one moment for each sound, its middle. The smallest value of several
frames would be smaller for any mouth that trembles, and so favour it.
"""

from collections.abc import Sequence

import numpy as np

from emotalk.schema import FPS, Doubles


def opening_at(opening_T: Doubles, times_s: Sequence[float]) -> Doubles:
    """Return the mouth's opening at moments, interpolated between the middles of frames.

    NaN beside a frame without a face, and beyond the video's end.
    """
    frames = len(opening_T)
    places = np.asarray(times_s, np.float64) * FPS - 0.5
    if not frames:
        return np.full(len(places), np.nan)
    inside = (places >= -0.5) & (places <= frames - 0.5)
    return np.where(inside, np.interp(places, np.arange(frames), opening_T), np.nan)


def closure_auc(shut: Doubles, opened: Doubles) -> float:
    """Return the probability that the mouth is less open on a shut sound than on an open vowel.

    Ties count half: 0.5 for a mouth that does not move. NaN without both kinds of sounds.
    """
    shut, opened = shut[np.isfinite(shut)], opened[np.isfinite(opened)]
    if not shut.size or not opened.size:
        return float("nan")
    less = shut[:, None] < opened
    return float((less + 0.5 * (shut[:, None] == opened)).mean())


def shut_limit(shut: Doubles, opened: Doubles) -> float:
    """Return the opening that best parts shut sounds from open vowels (Youden's index).

    It lies halfway between two measured values. NaN without both kinds of sounds.
    """
    shut, opened = shut[np.isfinite(shut)], opened[np.isfinite(opened)]
    if not shut.size or not opened.size:
        return float("nan")
    values = np.unique(np.concatenate([shut, opened]))
    below = np.searchsorted(np.sort(shut), values, side="right") / shut.size
    passed = np.searchsorted(np.sort(opened), values, side="right") / opened.size
    best = int(np.argmax(below - passed))
    return float((values[best] + values[min(best + 1, len(values) - 1)]) / 2)


def closure_rate(shut: Doubles, limit: float) -> float:
    """Return the share of shut sounds on which the opening is at most `limit`; NaN without one."""
    shut = shut[np.isfinite(shut)]
    return float((shut <= limit).mean()) if shut.size and np.isfinite(limit) else float("nan")
