"""Motion of the skin by jaw, nose wings and cheeks."""

import numpy as np

from emotalk.schema import Doubles
from emotalk.synthetic.actor import FaceShape
from emotalk.synthetic.canvas import bell
from emotalk.synthetic.geometry import mouth_gap, points_of
from emotalk.synthetic.motion import Motion

JAW_SHARE = 0.66  # the chin's drop as a share of the gap
FIXED_POINT_STEPS = 8


def jaw_line(shape: FaceShape, angles: Doubles) -> Doubles:
    """Return points (U, 2) of the jaw at rest; angle 0 is the image's left ear, pi the other."""
    power = 0.92 - 0.22 * shape.squareness
    across, down = np.cos(angles), np.abs(np.sin(angles))
    x = -shape.half_width * np.sign(across) * np.abs(across) ** power
    return np.stack([x, -4.0 + (shape.chin_y + 4.0) * down**0.95], axis=-1)


def skin_pulls(shape: FaceShape, motion: Motion) -> Doubles:
    """Return the displacements of jaw, nose wings and cheeks in pixels, (T, 3)."""
    return np.stack(
        [
            JAW_SHARE * mouth_gap(shape, motion) - 2.5 * motion["chin_raise"],
            5.0 * motion["nose_wrinkle"] + 2.5 * motion["upper_lip_raise"],
            5.0 * motion["cheek_raise"],
        ],
        axis=-1,
    )


def skin_pull_fields(shape: FaceShape, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return each pull's downward share at (x, y) of the moved face."""
    depth = np.clip((y - (shape.mouth_y - 6.0)) / 26.0, 0.0, 1.0)
    inside = np.clip((1.08 - np.abs(x) / shape.half_width) / 0.5, 0.0, 1.0)
    jaw = depth**2 * (3.0 - 2.0 * depth) * inside**2 * (3.0 - 2.0 * inside)

    wing = (0.75 * shape.nose_half_width, shape.nose_y - 3.0)
    wings = -bell(np.abs(x), y, wing, (10.0, 12.0))
    cheeks = -bell(np.abs(x), y, (1.25 * shape.eye_x, 34.0), (15.0, 13.0))
    return jaw, wings, cheeks


def pulled(shape: FaceShape, motion: Motion, points_LP: Doubles) -> Doubles:
    """Return the positions in every frame of points of the skin at rest, (T, L, 2).

    The drawing maps pixels of the moved face to their positions at rest. This solves the same
    equation for the moved positions.
    """
    pulls = skin_pulls(shape, motion)
    x = np.broadcast_to(points_LP[:, 0], (len(pulls), len(points_LP)))
    y = np.broadcast_to(points_LP[:, 1], x.shape)
    for _ in range(FIXED_POINT_STEPS):
        fields = skin_pull_fields(shape, x, y)
        y = points_LP[:, 1] + sum(pulls[:, k, None] * field for k, field in enumerate(fields))
    return points_of(x, y)
