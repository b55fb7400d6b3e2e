"""Find blinks in the eye aspect ratio of a video's landmarks."""

from typing import NamedTuple

import numpy as np

from emotalk.metrics.landmarks import Points
from emotalk.schema import FPS, LANDMARKS, Doubles, check_shape

EYES = (36, 42)  # the first of each eye's six points: corner, two above, corner, two below

CLOSED, OPEN_AGAIN = 0.75, 0.85
"""Of the open eye's ratio: an eye is shut below the first, and open again above the second."""

OPEN_EYE = 75
"""Percentile of the clip's ratios that is taken for the open eye's."""

LONGEST_S = 0.5
"""Eyes that stay shut longer rest or look down; a blink takes 0.1 to 0.4 s."""

MIN_FRAMES = FPS
"""Smallest number of frames with a face for a rate: one second."""


class Blinks(NamedTuple):
    """The blinks of one clip.

    Attributes:
        a_minute: number of blinks a minute; NaN if too few frames show a face.
        seconds: mean time for which the eyes are shut, over blinks that begin and end in the clip;
            NaN without one.
    """

    a_minute: float
    seconds: float


def eye_aspect_ratio(points_TLP: Points) -> Doubles:
    """Return the height of the eyes over their width, mean of both, (T,); NaN without a face.

    Source: Soukupova and Cech, Real-time eye blink detection using facial landmarks, 2016, eq. 1.
    """
    check_shape(points_TLP, f"T {LANDMARKS} 2", "landmarks")
    points = np.asarray(points_TLP, np.float64)

    def gap(one: int, other: int) -> Doubles:
        return np.asarray(np.linalg.norm(points[:, one] - points[:, other], axis=-1))

    ratios = [(gap(e + 1, e + 5) + gap(e + 2, e + 4)) / (2 * gap(e, e + 3)) for e in EYES]
    return np.asarray(np.mean(ratios, 0))


def find_blinks(ratio_T: Doubles) -> Blinks:
    """Return rate and duration of the blinks in a clip's eye aspect ratios.

    A blink begins where the ratio falls below `CLOSED` of the open eye's and ends where it rises
    above `OPEN_AGAIN`. Both are relative, so that narrow eyes blink like wide ones. One frame is
    enough: at 25 frames a second the shut eye is often seen in one. A frame without a face ends a
    blink.
    """
    found_T = np.isfinite(ratio_T)
    if found_T.sum() < MIN_FRAMES:
        return Blinks(float("nan"), float("nan"))
    open_eye = float(np.percentile(ratio_T[found_T], OPEN_EYE))
    stretches = _shut_stretches(ratio_T / open_eye)
    blinks = [(begin, end) for begin, end in stretches if end - begin <= LONGEST_S * FPS]
    whole = [end - begin for begin, end in blinks if begin > 0 and end < len(ratio_T)]
    minutes = float(found_T.sum()) / FPS / 60
    return Blinks(len(blinks) / minutes, float(np.mean(whole)) / FPS if whole else float("nan"))


def _shut_stretches(relative_T: Doubles) -> list[tuple[int, int]]:
    """Return begin and end of each stretch of frames with shut eyes, the end exclusive."""
    stretches: list[tuple[int, int]] = []
    begin: int | None = None
    for frame, value in enumerate([*relative_T.tolist(), float("inf")]):
        if begin is None and value < CLOSED:
            begin = frame
        elif begin is not None and not value < OPEN_AGAIN:  # NaN ends it too
            stretches.append((begin, frame))
            begin = None
    return stretches
