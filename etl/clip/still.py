"""Measure how much a face moves in itself, whatever the camera does."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from emotalk.faces.shape import similarity
from emotalk.faces.template import template_LP
from emotalk.schema import SIZE, Bytes, Doubles, Floats

SIDE = 96  # of the registered grey picture of the face, pixels
BLUR = 1.0  # standard deviation in its pixels: less of the encoder's noise
CONTRAST = 45.0  # standard deviation that its grey levels are brought to, so that light is none
GRID = (5, 6)  # points on the face whose motion is measured
WINDOW = (15, 15)  # pixels that one point is followed by
FEWEST_POINTS = 12
STEPS_S = (0.16, 0.32, 0.96)  # seconds between pictures, and between those of a pair
MOST_PICTURES = 15  # of a clip
POINTS_SHARE, PAIRS_SHARE = 0.9, 0.75  # quantiles: most of a talking face does not move


def face_motion(crops: Sequence[Bytes], landmarks: Sequence[Floats], fps: float) -> float:
    """Return how far parts of a face move against the rest of it, in crop pixels.

    Pictures of the face, registered by its landmarks, are compared in pairs 0.32 s and 0.96 s
    apart, in turn. Of the motion between two of them an affine map is taken off: turns, zooms,
    pans and errors of the landmarks. The value is the upper decile of what is left over the face,
    and of that the upper quartile over the pairs. Talking faces have 0.8 or more, the same at rest
    0.5 or more, photographs under motion 0.1 to 0.3, in poor encodings up to 0.5. It is NaN for
    less than 0.4 s.

    Args:
        crops: neighbouring frames of one face, uint8 RGB (H, W, 3).
        landmarks: the 68 landmarks of each, in its pixels.
        fps: frames a second.
    """
    step = max(1, round(STEPS_S[0] * fps), -(-len(crops) // MOST_PICTURES))
    numbers = range(0, len(crops), step)
    pictures = [_registered(crops[number], landmarks[number]) for number in numbers]
    lags = [max(1, round(seconds * fps / step)) for seconds in STEPS_S[1:]]
    pairs = [(a, a + lags[a % len(lags)]) for a in range(len(pictures))]
    moved = [_motion(pictures[a], pictures[b]) for a, b in pairs if b < len(pictures)]
    values = [value for value in moved if value is not None]
    return float(np.quantile(values, PAIRS_SHARE)) if values else float("nan")


def _motion(one: Bytes, other: Bytes) -> float | None:
    left = _unexplained(one, other)
    return None if left is None else float(np.quantile(left, POINTS_SHARE)) * SIZE / SIDE


def _unexplained(one: Bytes, other: Bytes) -> Doubles | None:
    """Return each point's motion beyond an affine map, None where too few can be followed."""
    points = _points()
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        one, other, points, points.copy(), winSize=WINDOW, maxLevel=1, criteria=(3, 10, 0.03)
    )
    kept = found[:, 0] > 0
    if kept.sum() < FEWEST_POINTS:
        return None
    start, end = points[kept, 0], moved[kept, 0]
    affine, _ = cv2.estimateAffine2D(start, end, method=cv2.LMEDS)
    if affine is None:
        return None
    left = end - (start @ affine[:, :2].T + affine[:, 2])
    return np.asarray(np.linalg.norm(left, axis=1), np.float64)


def _registered(crop_HWC: Bytes, landmarks_LP: Floats) -> Bytes:
    """Return a face's grey picture in the template's place, in even light."""
    onto = similarity(landmarks_LP.astype(np.float64), template_LP() * (SIDE / SIZE))
    light = cv2.cvtColor(crop_HWC, cv2.COLOR_RGB2GRAY).astype(np.float32)
    face = cv2.warpAffine(light, onto, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.GaussianBlur(face, (0, 0), BLUR)
    left, top, right, bottom = _bounds()
    inside = grey[int(top) : int(bottom), int(left) : int(right)]
    even = (grey - inside.mean()) * (CONTRAST / max(float(inside.std()), 2.0)) + 128
    return np.asarray(np.clip(even, 0, 255), np.uint8)


@lru_cache(maxsize=1)
def _bounds() -> Doubles:
    """Return left, top, right and bottom of the template's face in the registered picture."""
    face = template_LP() * (SIDE / SIZE)
    return np.concatenate([face.min(0), face.max(0)])


@lru_cache(maxsize=1)
def _points() -> Floats:
    """Return the points that are followed (N, 1, 2): a grid over the face."""
    left, top, right, bottom = _bounds()
    margin = 0.05 * SIDE
    columns = np.linspace(left + margin, right - margin, GRID[0])
    rows = np.linspace(top + 0.02 * SIDE, bottom - margin, GRID[1])
    return np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 1, 2).astype(np.float32)
