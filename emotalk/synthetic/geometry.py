"""Geometry of a face: outlines and the 68 landmarks as functions of its movements.

Coordinates are those of the face at rest: pixels, origin between the eyes, x to the right of the
image, y downwards. `T` is the axis of frames; `U` runs along an outline. Landmarks are points of
the very outlines that are drawn, so they are exact.
"""

from dataclasses import dataclass

import numpy as np

from emotalk.schema import Doubles, Floats
from emotalk.synthetic.actor import FaceShape

LIP_CORNER = 2.5  # how far the inner corners lie inside the outer ones
UPPER_SHARE = 0.25  # of the gap: what the upper lip gives; the jaw gives the rest
JAW_SHARE = 0.66  # the chin's drop as a share of the gap
JAW_BEGIN = 0.07  # angle of the first jaw landmark, just below the ear's top
LANDMARK_FIXED_POINT_STEPS = 8


@dataclass(frozen=True)
class Motion:
    """Everything that moves in a face, over T frames.

    Attributes:
        opening: of the mouth, 0 to 1.
        spread: of the lips, -1 rounded to 1 spread.
        blink: 0 open to 1 shut.
        gaze_x: of the irises, -1 to 1.
        movements: the expression's movements by name.
    """

    opening: Doubles
    spread: Doubles
    blink: Doubles
    gaze_x: Doubles
    movements: dict[str, Doubles]

    def __getitem__(self, name: str) -> Doubles:
        """Return a movement of the expression, (T,)."""
        return self.movements[name]


def _points(x: Doubles, y: Doubles) -> Doubles:
    return np.stack(np.broadcast_arrays(x, y), axis=-1)


def _column(values: Doubles) -> Doubles:
    return values[:, None]


# --- brows -------------------------------------------------------------------------------------


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
    return _points(side * x, y)


def brow_outline(shape: FaceShape, motion: Motion, side: int, swell: float) -> Doubles:
    """Return the closed outline (T, U, 2) of a brow, `swell` times its own thickness."""
    u = np.linspace(0.0, 1.0, 14)
    half = swell * shape.brow_half_height * (0.25 + 0.75 * np.sin(np.pi * (0.12 + 0.72 * u)) ** 0.8)
    line = brow_line(shape, motion, side, u)
    up, down = line.copy(), line.copy()
    up[..., 1] -= half
    down[..., 1] += half
    return np.concatenate([up, down[:, ::-1]], axis=1)


# --- eyes --------------------------------------------------------------------------------------


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
    return _points(side * shape.eye_x + shape.eye_half_width * v, y)


def eye_outline(shape: FaceShape, motion: Motion, side: int) -> Doubles:
    """Return the closed outline (T, U, 2) of the visible eye."""
    v = np.linspace(-1.0, 1.0, 13)
    top = lid_line(shape, motion, side, v, upper=True)
    bottom = lid_line(shape, motion, side, v[::-1], upper=False)
    return np.concatenate([top, bottom[:, 1:-1]], axis=1)


def iris_centre(shape: FaceShape, motion: Motion, side: int) -> Doubles:
    """Return the centre of an iris, (T, 2)."""
    return _points(
        side * shape.eye_x + 2.2 * motion.gaze_x,
        -0.5 + 2.4 * motion["gaze_down"] - 0.5 * motion["lid_raise"],
    )


# --- mouth -------------------------------------------------------------------------------------


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
    return _points(_column(half) * u, y)


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
    return _points(_column(half) * u, y)


# --- skin --------------------------------------------------------------------------------------


def jaw_line(shape: FaceShape, angles: Doubles) -> Doubles:
    """Return points (U, 2) of the jaw at rest; angle 0 is the image's left ear, pi the other."""
    power = 0.92 - 0.22 * shape.squareness
    across, down = np.cos(angles), np.abs(np.sin(angles))
    x = -shape.half_width * np.sign(across) * np.abs(across) ** power
    return np.stack([x, -4.0 + (shape.chin_y + 4.0) * down**0.95], axis=-1)


def skin_pulls(shape: FaceShape, motion: Motion) -> Doubles:
    """Return how far jaw, nose wings and cheeks are pulled, in pixels, (T, 3)."""
    return np.stack(
        [
            JAW_SHARE * mouth_gap(shape, motion) - 2.5 * motion["chin_raise"],
            5.0 * motion["nose_wrinkle"] + 2.5 * motion["upper_lip_raise"],
            5.0 * motion["cheek_raise"],
        ],
        axis=-1,
    )


def skin_pull_fields(shape: FaceShape, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return where each pull acts, as downward shares at (x, y) of the moved face."""
    depth = np.clip((y - (shape.mouth_y - 6.0)) / 26.0, 0.0, 1.0)
    inside = np.clip((1.08 - np.abs(x) / shape.half_width) / 0.5, 0.0, 1.0)
    jaw = depth**2 * (3.0 - 2.0 * depth) * inside**2 * (3.0 - 2.0 * inside)

    def bell(centre_x: float, centre_y: float, wide: float, high: float) -> Doubles:
        far = ((np.abs(x) - centre_x) / wide) ** 2 + ((y - centre_y) / high) ** 2
        return np.asarray(np.exp(-0.5 * far))

    wings = -bell(0.75 * shape.nose_half_width, shape.nose_y - 3.0, 10.0, 12.0)
    cheeks = -bell(1.25 * shape.eye_x, 34.0, 15.0, 13.0)
    return jaw, wings, cheeks


def pulled(shape: FaceShape, motion: Motion, points_LP: Doubles) -> Doubles:
    """Return where points of the skin at rest are in every frame, (T, L, 2).

    The skin is drawn by looking up, for a pixel of the moved face, the place it came from; this
    solves the same equation for the moved place.
    """
    pulls = skin_pulls(shape, motion)
    x = np.broadcast_to(points_LP[:, 0], (len(pulls), len(points_LP)))
    y = np.broadcast_to(points_LP[:, 1], x.shape)
    for _ in range(LANDMARK_FIXED_POINT_STEPS):
        fields = skin_pull_fields(shape, x, y)
        y = points_LP[:, 1] + sum(pulls[:, k, None] * field for k, field in enumerate(fields))
    return _points(x, y)


# --- landmarks ---------------------------------------------------------------------------------


def nose_points(shape: FaceShape) -> Doubles:
    """Return landmarks 27 to 35 at rest, (9, 2)."""
    bridge = [(0.0, -2.0 + (shape.nose_y - 7.0) * share) for share in (0.0, 1 / 3, 2 / 3, 1.0)]
    below = [
        (share * shape.nose_half_width, shape.nose_y + 2.5 - 3.0 * abs(share))
        for share in (-0.85, -0.45, 0.0, 0.45, 0.85)
    ]
    return np.array(bridge + below)


def face_landmarks(shape: FaceShape, motion: Motion) -> Doubles:
    """Return the 68 iBUG landmarks (T, 68, 2) in the face's own coordinates."""
    brow_u = np.linspace(0.0, 1.0, 5)
    lids = np.array([-0.4, 0.4])
    ends = np.array([-1.0, 1.0])

    def eye(side: int) -> list[Doubles]:
        corners = lid_line(shape, motion, side, ends, upper=True)
        top = lid_line(shape, motion, side, lids, upper=True)
        bottom = lid_line(shape, motion, side, lids[::-1], upper=False)
        return [corners[:, :1], top, corners[:, 1:], bottom]

    outer_top = np.array([-1.0, -0.62, -0.24, 0.0, 0.24, 0.62, 1.0])
    outer_bottom = np.array([0.62, 0.28, 0.0, -0.28, -0.62])
    inner_top = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    inner_bottom = np.array([0.5, 0.0, -0.5])
    parts = [
        pulled(shape, motion, jaw_line(shape, np.linspace(JAW_BEGIN, np.pi - JAW_BEGIN, 17))),
        brow_line(shape, motion, -1, brow_u),
        brow_line(shape, motion, 1, brow_u[::-1]),
        pulled(shape, motion, nose_points(shape)),
        *eye(-1),
        *eye(1),
        outer_lip(shape, motion, outer_top, upper=True),
        outer_lip(shape, motion, outer_bottom, upper=False),
        inner_lip(shape, motion, inner_top, upper=True),
        inner_lip(shape, motion, inner_bottom, upper=False),
    ]
    return np.concatenate(parts, axis=1)


# --- the head in the frame ---------------------------------------------------------------------


@dataclass(frozen=True)
class HeadPose:
    """A similarity transform per frame from the face's coordinates to the frame's pixels.

    Attributes:
        matrices_T23: [[s cos, -s sin, x], [s sin, s cos, y]].
    """

    matrices_T23: Doubles

    @property
    def scale(self) -> Doubles:
        """Size of the face in every frame, (T,)."""
        return np.asarray(np.hypot(self.matrices_T23[:, 0, 0], self.matrices_T23[:, 1, 0]))

    def place(self, points_TUP: Doubles) -> Floats:
        """Return points (T, U, 2) of the face as pixels of the frame, float32."""
        turned = np.einsum("tij,tuj->tui", self.matrices_T23[:, :, :2], points_TUP)
        return np.asarray(turned + self.matrices_T23[:, None, :, 2], np.float32)


def head_pose(angle: Doubles, scale: Doubles, x: Doubles, y: Doubles) -> HeadPose:
    """Return the pose from angle (radians), scale and place of the origin in pixels, each (T,)."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rows = np.stack([np.stack([cos, -sin, x], -1), np.stack([sin, cos, y], -1)], axis=1)
    return HeadPose(rows)
