"""Read the template that every clip is aligned to: an average frontal face of 68 points.

The points are in `template_68.csv`, made by `emotalk/faces/make_template.py`. The file's header
names their sources.
"""

from functools import lru_cache
from importlib.resources import files

import numpy as np

from emotalk.schema import LANDMARKS, SIZE, Doubles

MARGIN = 0.2  # of the crop's side, left free around the points
MIRRORED: tuple[int, ...] = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),  # ridge of the nose
    *range(35, 30, -1),  # nostrils
    *(45, 44, 43, 42, 47, 46),  # right eye onto the left
    *(39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # outer lips
    *(64, 63, 62, 61, 60, 67, 66, 65),  # inner lips
)
"""For each point the index of its partner on the other side of the face."""


@lru_cache(maxsize=1)
def _stored() -> Doubles:
    text = files("emotalk.faces").joinpath("template_68.csv").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    points = np.array([[float(value) for value in row.split(",")] for row in rows[1:]])
    if points.shape != (LANDMARKS, 2):
        raise ValueError(f"template_68.csv holds {points.shape[0]} points, expected {LANDMARKS}")
    return points


def template_LP() -> Doubles:
    """Return the template: float64 (68, 2), x and y in crop pixels.

    The points span 25.6 to 102.4 px in x and, scaled apart from that, 25.6 to 102.4 px in y.
    """
    return _stored().copy()


def symmetric(points_LP: Doubles) -> Doubles:
    """Return the mean of a shape and its mirror image about its own vertical middle."""
    mirror = points_LP[list(MIRRORED)] * [-1.0, 1.0]
    mirror[:, 0] += 2 * points_LP[:, 0].mean()
    return (points_LP + mirror) / 2


def fitted_to_crop(points_LP: Doubles) -> Doubles:
    """Return the shape scaled in x and in y so that it fills the crop except for `MARGIN`."""
    low, high = points_LP.min(0), points_LP.max(0)
    fitted: Doubles = SIZE * (MARGIN + (1 - 2 * MARGIN) * (points_LP - low) / (high - low))
    return fitted
