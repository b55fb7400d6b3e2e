"""Compute the outlines of brows, eyes and mouth as functions of the face's motion.

Coordinates are those of the face at rest: pixels, origin between the eyes, x to the right of the
image, y downwards. `T` is the axis of frames; `U` runs along an outline.
"""

import numpy as np

from emotalk.schema import Doubles
from emotalk.synthetic.actor import FaceShape
from emotalk.synthetic.motion import Motion

LIP_CORNER = 2.5  # distance of the inner corners from the outer ones
UPPER_SHARE = 0.25  # of the gap that the upper lip opens; the jaw opens the rest


def points_of(x: Doubles, y: Doubles) -> Doubles:
    """Return points (..., 2) of coordinates."""
    return np.stack(np.broadcast_arrays(x, y), axis=-1)


def _column(values: Doubles) -> Doubles:
    return values[:, None]


def brow_line(shape: FaceShape, motion: Motion, side: int, u: Doubles) -> Doubles:
    """Return the middle line (T, U, 2) of a brow; `u` from 0 (outer end) to 1 (inner end)."""
    outer_x, inner_x = shape.eye_x + 19.0, 10.5
    x = outer_x + (inner_x - outer_x) * u - 4.0 * _column(motion["brow_lower"]) * u
    bow = shape.brow_arch * np.exp(-(((u - 0.38) / 0.36) ** 2)) - 5.0 * (1.0 - u) ** 3
    y = (
        shape.brow_y
        - bow
        - _column(motion["inner_brow_raise"]) * (10.0 * u**1.3 + 1.0)
        - _column(motion["outer_brow_raise"]) * 9.0 * (1.0 - u) ** 0.7
        + _column(motion["brow_lower"]) * (2.5 + 7.0 * u)
        + _column(motion["nose_wrinkle"]) * 2.5 * u
    )
    return points_of(side * x, y)


def brow_outline(shape: FaceShape, motion: Motion, side: int, swell: float) -> Doubles:
    """Return the closed outline (T, U, 2) of a brow, `swell` times its own thickness."""
    u = np.linspace(0.0, 1.0, 14)
    half = swell * shape.brow_half_height * (0.25 + 0.75 * np.sin(np.pi * (0.12 + 0.72 * u)) ** 0.8)
    line = brow_line(shape, motion, side, u)
    up, down = line.copy(), line.copy()
    up[..., 1] -= half
    down[..., 1] += half
    return np.concatenate([up, down[:, ::-1]], axis=1)


def _lid_heights(shape: FaceShape, motion: Motion) -> tuple[Doubles, Doubles]:
    upper = shape.eye_height * (
        1.0
        + 0.60 * motion["lid_raise"]
        - 0.48 * motion["lid_droop"]
        - 0.30 * motion["lid_tighten"]
        - 0.12 * motion["cheek_raise"]
    )
    lower = (
        0.80
        * shape.eye_height
        * (
            1.0
            + 0.15 * motion["lid_raise"]
            - 0.40 * motion["lid_tighten"]
            - 0.50 * motion["cheek_raise"]
        )
    )
    lower = np.maximum(lower, 0.6)
    return np.maximum(upper, 0.8) * (1.0 - motion.blink) - 0.9 * lower * motion.blink, lower


def lid_line(shape: FaceShape, motion: Motion, side: int, v: Doubles, *, upper: bool) -> Doubles:
    """Return a lid's edge (T, U, 2); `v` from -1 (image left) to 1 (image right)."""
    top, bottom = _lid_heights(shape, motion)
    height = -top if upper else bottom
    outwards = side * v
    arc = np.clip(1.0 - v * v, 0.0, 1.0) ** (0.72 if upper else 0.9)
    y = _column(height) * arc * (1.0 - 0.12 * outwards) - shape.eye_tilt * outwards
    return points_of(side * shape.eye_x + shape.eye_half_width * v, y)


def eye_outline(shape: FaceShape, motion: Motion, side: int) -> Doubles:
    """Return the closed outline (T, U, 2) of the visible eye."""
    v = np.linspace(-1.0, 1.0, 13)
    top = lid_line(shape, motion, side, v, upper=True)
    bottom = lid_line(shape, motion, side, v[::-1], upper=False)
    return np.concatenate([top, bottom[:, 1:-1]], axis=1)


def iris_centre(shape: FaceShape, motion: Motion, side: int) -> Doubles:
    """Return the centre of an iris, (T, 2)."""
    return points_of(
        side * shape.eye_x + 2.2 * motion.gaze_x,
        -0.5 + 2.4 * motion["gaze_down"] - 0.5 * motion["lid_raise"],
    )


def mouth_gap(shape: FaceShape, motion: Motion) -> Doubles:
    """Return the distance between the inner lips at the middle of the mouth, (T,)."""
    return shape.widest_gap * motion.opening


def mouth_half_width(shape: FaceShape, motion: Motion) -> Doubles:
    """Return half the distance between the corners of the mouth, (T,)."""
    rounding = np.where(motion.spread > 0.0, 0.15 * motion.spread, 0.34 * motion.spread)
    return np.asarray(
        shape.mouth_half_width * (1.0 + rounding)
        + 7.0 * motion["corner_raise"]
        + 7.0 * motion["lip_stretch"]
        - 3.0 * motion["lip_press"]
        - 1.0 * motion["corner_lower"]
    )


def inner_lip(shape: FaceShape, motion: Motion, u: Doubles, *, upper: bool) -> Doubles:
    """Return the inner edge (T, U, 2) of a lip; `u` from -1 (image left) to 1 (image right)."""
    gap = mouth_gap(shape, motion)
    middle = (
        shape.mouth_y
        - 3.5 * motion["upper_lip_raise"]
        - 2.5 * motion["chin_raise"]
        + 1.5 * motion["corner_raise"]
    )
    corner = (
        middle
        - 1.0
        + 0.30 * gap
        - 10.0 * motion["corner_raise"]
        + 8.5 * motion["corner_lower"]
        + 1.5 * motion["lip_stretch"]
    )
    centre = middle - UPPER_SHARE * gap if upper else middle + (1.0 - UPPER_SHARE) * gap
    bend = np.abs(u) ** 2.2
    y = _column(centre) * (1.0 - bend) + _column(corner) * bend
    half = mouth_half_width(shape, motion) - LIP_CORNER
    return points_of(_column(half) * u, y)


def outer_lip(shape: FaceShape, motion: Motion, u: Doubles, *, upper: bool) -> Doubles:
    """Return the outer edge (T, U, 2) of a lip; `u` from -1 (image left) to 1 (image right)."""
    inner = inner_lip(shape, motion, u, upper=upper)
    pucker = 1.0 + 0.25 * np.clip(-motion.spread, 0.0, 1.0)
    taper = np.clip(1.0 - np.abs(u) ** 2.4, 0.0, 1.0)
    if upper:
        bow = taper * (1.0 - 0.16 * np.exp(-((u / 0.12) ** 2)))
        thick = (
            shape.upper_lip
            * pucker
            * (
                1.0
                - 0.60 * motion["lip_press"]
                - 0.25 * motion["corner_raise"]
                - 0.30 * motion["lip_stretch"]
            )
        )
        square = (
            4.5 * _column(motion["upper_lip_raise"]) * np.exp(-(((np.abs(u) - 0.5) / 0.25) ** 2))
        )
        y = inner[..., 1] - _column(thick) * bow - square * taper
    else:
        thick = (
            shape.lower_lip
            * pucker
            * (
                1.0
                - 0.60 * motion["lip_press"]
                - 0.15 * motion["corner_raise"]
                - 0.20 * motion["lip_stretch"]
                + 0.25 * motion["chin_raise"]
            )
        )
        y = inner[..., 1] + _column(thick) * taper
    half = mouth_half_width(shape, motion)
    return points_of(_column(half) * u, y)
