"""Compute the 68 exact landmarks of a drawn face: points of the outlines that are drawn."""

import numpy as np

from emotalk.schema import Doubles
from emotalk.synthetic.actor import FaceShape
from emotalk.synthetic.geometry import brow_line, inner_lip, lid_line, outer_lip
from emotalk.synthetic.motion import Motion
from emotalk.synthetic.skin_motion import jaw_line, pulled

JAW_BEGIN = 0.07  # angle of the first jaw landmark, just below the ear's top


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
