"""Check that 68 landmarks are a plausible face, and return the fault if they are not.

A landmark model returns the shape of a face for any picture, so the shape alone proves little. Four
conditions are checked: the points have a face's shape, their drift is small
(`emotalk.faces.steadiness`), the face is upright, and its eyes, nose and mouth lie inside the
picture. `emotalk/faces/README.md` has the measurements behind the bounds.
"""

import math

import numpy as np

from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.shape import similarity, transform_points
from emotalk.faces.template import template_LP
from emotalk.schema import MOUTH, Doubles, Floats

MAX_ERROR = 18.0  # crop pixels, RMS to the template; speakers 1 to 7, in profile (60 degrees) 16
MAX_DRIFT = 0.08  # of the face's size; speakers 0.01 to 0.03, upside down 0.05 to 0.2
MAX_TURN = 75.0  # degrees in the plane of the picture
EYES = slice(36, 48)
NOSE_EYES_MOUTH = slice(27, 68)
MAX_ERROR_AT_BORDER = 6.0  # crop pixels; whole faces 1 to 4.2, faces cut in half 6 to 13
BORDER = 0.1  # of the face's size: a face closer than this to the picture's edge may be cut
SIDES = ("left", "top", "right", "bottom")


def landmark_fault(
    face: FaceLandmarks,
    size: tuple[int, int],
    *,
    max_error: float = MAX_ERROR,
    max_drift: float = MAX_DRIFT,
) -> str | None:
    """Return why a face's landmarks are not plausible in a picture of height and width `size`.

    None if they are. The drift, in units of the face's size, is checked if it was measured.
    """
    if face.landmarks_LP is None:
        return "no landmarks"
    if face.quarter_turns:
        return f"the face is detected better with the picture turned by {turn_name(face)}"
    if face.drift is not None and face.drift > max_drift:
        return (
            f"the landmarks move by {face.drift:.3f} of the face's size when detected again, at "
            f"most {max_drift:g}: the face is covered, cut or none"
        )
    points_LP = face.landmarks_LP.astype(np.float64)
    return shape_fault(points_LP, max_error=max_error) or _cut_off(points_LP, size)


def shape_fault(landmarks_LP: Doubles | Floats, *, max_error: float = MAX_ERROR) -> str | None:
    """Return why 68 points are not the shape of an upright face, or None.

    Args:
        landmarks_LP: in any pixels, y downwards.
        max_error: largest root mean square distance to the template in template pixels, after the
            best similarity.
    """
    points = np.asarray(landmarks_LP, np.float64)
    if not np.isfinite(points).all():
        return "a landmark is not finite"
    try:
        transform = similarity(points, template_LP())
    except ValueError as error:
        return str(error)
    error_px = _error_after(transform, points)
    if error_px > max_error:
        return (
            f"the landmarks are {error_px:.1f} crop pixels off the shape of a face, at most "
            f"{max_error:g}"
        )
    across = points[MOUTH].mean(0) - points[EYES].mean(0)
    turn = abs(math.degrees(math.atan2(across[0], across[1])))
    if turn > MAX_TURN:
        return f"the face is turned by {turn:.0f} degrees in the picture, at most {MAX_TURN:g}"
    return None


def template_error(landmarks_LP: Doubles | Floats) -> float:
    """Return the root mean square distance to the template in template pixels.

    It is taken after the best similarity.

    Raises:
        ValueError: the points have no extent.
    """
    points = np.asarray(landmarks_LP, np.float64)
    return _error_after(similarity(points, template_LP()), points)


def turn_name(face: FaceLandmarks) -> str:
    """Return the turn after which a face is upright, in words."""
    return ("0 degrees", "90 degrees to the left", "180 degrees", "90 degrees to the right")[
        face.quarter_turns % 4
    ]


def _cut_off(points_LP: Doubles, size: tuple[int, int]) -> str | None:
    """Return how the picture's border cuts the face, or None.

    For half a face, a landmark model squeezes the whole shape into the visible half or continues it
    beyond the border.
    """
    height, width = size
    core = points_LP[NOSE_EYES_MOUTH]
    outside = ((core < -0.5) | (core > (width - 0.5, height - 0.5))).any(1)
    if outside.any():
        return f"{outside.sum()} of the {len(core)} points of eyes, nose and mouth lie outside"
    error_px = template_error(points_LP)
    if error_px <= MAX_ERROR_AT_BORDER:
        return None
    low, high = points_LP.min(0), points_LP.max(0)
    gaps = np.concatenate([low, (width, height) - high]) / np.tile(high - low, 2)
    nose = points_LP[27:36].mean(0)
    halves = np.concatenate([nose - low, high - nose])
    for side in np.flatnonzero(gaps < BORDER):
        # If the half at the left or right border is the wider one, the head is turned, not cut.
        if side in (1, 3) or halves[side] < halves[(side + 2) % 4]:
            return (
                f"the face is cut by the picture's {SIDES[side]} border (its landmarks are "
                f"{error_px:.1f} crop pixels off the shape of a face)"
            )
    return None


def _error_after(transform: Doubles, points_LP: Doubles) -> float:
    """Return the root mean square distance of the transformed points to the template."""
    distances_LP = transform_points(transform, points_LP) - template_LP()
    return math.sqrt(float(np.square(distances_LP).sum(1).mean()))
