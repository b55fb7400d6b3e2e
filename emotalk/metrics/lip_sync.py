"""Compare the mouth openings of two videos over the voiced frames."""

import numpy as np
from numpy.typing import NDArray

from emotalk.metrics.landmarks import Points, outer_eye_distance
from emotalk.schema import INNER_LIP_TOP_BOTTOM, Doubles, check_shape

MIN_FRAMES = 8
"""Smallest number of voiced frames for a correlation: a third of a second."""

STILL = 1e-6
"""Standard deviation of the opening, in eye distances, below which a true mouth does not move."""

STILL_SHARE = 0.1
"""Share of the true opening's standard deviation below which a generated mouth does not move.

The landmarks of a frozen picture, encoded as H.264, move by 0.02 to 0.07 of those of the speaker.
Correlating that noise gave -0.5 to 0.4 by chance.
"""

REACH = 8
"""Frames to either side in which the lag is sought: a third of a second."""


def mouth_opening(landmarks_TLP: Points) -> Doubles:
    """Return the distance of the inner lips (62 to 66) divided by the face's size, (T,).

    The face's size is the clip's mean outer-eye distance. One number for the clip keeps its noise
    out of the mouth's motion. NaN where no face was found.
    """
    check_shape(landmarks_TLP, "T 68 2", "landmarks")
    top, bottom = INNER_LIP_TOP_BOTTOM
    points = np.asarray(landmarks_TLP, np.float64)
    opening_T = np.linalg.norm(points[:, top] - points[:, bottom], axis=-1)
    found_T = np.isfinite(points).all((1, 2))
    if not found_T.any():
        return np.full(len(points), np.nan)
    return np.asarray(opening_T / outer_eye_distance(points[found_T]).mean())


def mouth_correlation(opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_]) -> float:
    """Return Pearson's correlation of two mouth openings over voiced frames, in [-1, 1].

    A generated mouth that moves less than `STILL_SHARE` has correlation 0. NaN (undefined) if the
    TRUE mouth does not move or fewer than `MIN_FRAMES` frames remain. Frames without a face, and
    frames beyond the end of the shortest argument, are left out.
    """
    frames = min(len(opening_T), len(truth_T), len(voiced_T))
    opening, truth = opening_T[:frames], truth_T[:frames]
    used = voiced_T[:frames] & np.isfinite(opening) & np.isfinite(truth)
    if used.sum() < MIN_FRAMES or truth[used].std() < STILL:
        return float("nan")
    if opening[used].std() < max(STILL, STILL_SHARE * truth[used].std()):
        return 0.0
    return float(np.corrcoef(opening[used], truth[used])[0, 1])


def mouth_amplitude(opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_]) -> float:
    """Return the motion of a mouth's opening over that of the true one, over voiced frames.

    Motion is the standard deviation. 1: as far as the true mouth; 0: it does not move. The
    correlation does not see it: a nearly closed mouth that follows has correlation 1. NaN where
    `mouth_correlation` is. Frames are left out as there.
    """
    frames = min(len(opening_T), len(truth_T), len(voiced_T))
    opening, truth = opening_T[:frames], truth_T[:frames]
    used = voiced_T[:frames] & np.isfinite(opening) & np.isfinite(truth)
    if used.sum() < MIN_FRAMES or truth[used].std() < STILL:
        return float("nan")
    return float(opening[used].std() / truth[used].std())


def mouth_lag(
    opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_], *, reach: int = REACH
) -> float:
    """Return the sync distance: the number of frames by which the generated mouth is late.

    It is the shift with the highest correlation, within `reach` frames to either side, refined to
    parts of a frame by the parabola through it and both neighbours; negative if the mouth is early.
    In whole frames alone a mouth that is half a frame late is at 0 or at 1 by chance. NaN if no
    shift has a positive correlation.
    """
    best = best_shift(opening_T, truth_T, voiced_T, reach=reach)
    if best is None:
        return float("nan")
    before, peak, after = (
        _shifted_correlation(opening_T, truth_T, voiced_T, best + step) for step in (-1, 0, 1)
    )
    bend = before - 2 * peak + after
    if not (peak >= before and peak >= after and bend < 0):  # NaN too: at an end of the clip
        return float(best)
    return float(best + 0.5 * (before - after) / bend)


def best_shift(
    opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_], *, reach: int = REACH
) -> int | None:
    """Return by how many whole frames the mouth is late; None if no shift correlates positively."""
    found: dict[int, float] = {}
    for lag in sorted(range(-reach, reach + 1), key=abs):
        score = _shifted_correlation(opening_T, truth_T, voiced_T, lag)
        if score > 0:
            found[lag] = score
    return max(found, key=lambda lag: found[lag]) if found else None


def _shifted_correlation(
    opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_], lag: int
) -> float:
    """Return the correlation of a mouth that is taken `lag` frames later with the true one."""
    ahead, behind = max(lag, 0), max(-lag, 0)
    return mouth_correlation(opening_T[ahead:], truth_T[behind:], voiced_T[behind:])
