"""Measure how still the lips are while nobody speaks."""

import numpy as np
from numpy.typing import NDArray

from emotalk.schema import Doubles

MIN_SILENCE = 8
"""Frames without voice in a row that count as silence: 0.32 s, longer than the gaps in words."""


def silent_frames(voiced_T: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of the frames in stretches of at least `MIN_SILENCE` frames without voice."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], voiced_T, [True]]).astype(np.int8)))
    silent_T = np.zeros(len(voiced_T), np.bool_)
    for begin, end in edges.reshape(-1, 2):
        silent_T[begin:end] = end - begin >= MIN_SILENCE
    return silent_T


def lip_motion_in_silence(opening_T: Doubles, voiced_T: NDArray[np.bool_]) -> float:
    """Return by how much the mouth's opening varies in silence, in its own unit.

    It is the median distance of the opening from its mean over the silent frames, so that a
    single breath or smack does not decide. NaN with fewer than `MIN_SILENCE` silent frames that
    show a face; frames beyond the end of the shorter argument are left out.

    Source: THEval, "silent lip stability" (0.3 s at least, median absolute deviation from the
        mean). Differences: the opening is the distance of landmarks 62 and 66 and not the mean of
        eight; who speaks when is decided by our own voice activity.
    """
    frames = min(len(opening_T), len(voiced_T))
    opening = opening_T[:frames][silent_frames(voiced_T[:frames])]
    opening = opening[np.isfinite(opening)]
    if len(opening) < MIN_SILENCE:
        return float("nan")
    return float(np.median(np.abs(opening - opening.mean())))
