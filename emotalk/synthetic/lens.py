"""Bend pictures and points as a lens and a turned head do: perspective, barrel and asymmetry.

A point q of the bent frame shows the point s(q) of the drawn frame. With u = (q - centre) / `UNIT`,

    v = (stretch * u_x + shear * u_y, u_y / stretch) / (1 + turn . u)
    s(q) = centre + UNIT * (v (1 + barrel |v|^2) + sway(u))

where `sway` is a slow wave. Pictures are sampled at s(q); landmarks solve s(q) = p.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from emotalk.synthetic.frame import FACE_ORIGIN, FRAME_HEIGHT, FRAME_WIDTH

UNIT = 160.0  # pixels of the frame: about the height of a face
CENTRE = (FACE_ORIGIN[0], FACE_ORIGIN[1] + 20.0)
FIXED_POINT_STEPS = 40


@dataclass(frozen=True)
class Lens:
    """Parameters of the formula above; those of the default bend nothing."""

    turn_x: float = 0.0  # perspective of a head turned to the side, -0.2 to 0.2
    turn_y: float = 0.0  # of a raised or lowered head
    stretch: float = 1.0  # 0.85 to 1.15: a broad or a long face
    shear: float = 0.0
    barrel: float = 0.0  # above 0 the sides are shown smaller
    sway: float = 0.0  # height of the wave that makes a face asymmetric, up to 0.03
    sway_turn: float = 0.0  # radians: where the wave begins


STRAIGHT = Lens()


def source_of(lens: Lens, points: Doubles) -> Doubles:
    """Return s(q) of points (..., 2) in pixels of the bent frame, in pixels of the drawn one."""
    u = (points - CENTRE) / UNIT
    x, y = u[..., 0], u[..., 1]
    depth = 1.0 + lens.turn_x * x + lens.turn_y * y
    v_x = (lens.stretch * x + lens.shear * y) / depth
    v_y = y / lens.stretch / depth
    swell = 1.0 + lens.barrel * (v_x * v_x + v_y * v_y)
    wave_x = lens.sway * np.sin(2.1 * x + 3.3 * y + lens.sway_turn)
    wave_y = lens.sway * np.sin(3.1 * x - 1.7 * y + 2.0 * lens.sway_turn)
    return np.asarray(np.stack([v_x * swell + wave_x, v_y * swell + wave_y], -1) * UNIT + CENTRE)


def bend_points(lens: Lens, points: Doubles | Floats) -> Floats:
    """Return points (..., 2) of the drawn frame where the bent frame shows them, float32."""
    wanted = np.asarray(points, np.float64)
    bent = wanted.copy()
    for _ in range(FIXED_POINT_STEPS):
        bent = bent - (source_of(lens, bent) - wanted)
    return np.asarray(bent, np.float32)


def bending_maps(lens: Lens) -> tuple[Floats, Floats]:
    """Return the x and y (H, W) to sample the drawn frame at, for `cv2.remap`."""
    rows, columns = np.mgrid[0:FRAME_HEIGHT, 0:FRAME_WIDTH].astype(np.float64)
    source = source_of(lens, np.stack([columns, rows], -1)).astype(np.float32)
    return np.ascontiguousarray(source[..., 0]), np.ascontiguousarray(source[..., 1])


def bend_frame(frame_HWC: Bytes, maps: tuple[Floats, Floats]) -> Bytes:
    """Return the bent frame; beyond its border the frame is mirrored."""
    bent = cv2.remap(frame_HWC, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(bent, np.uint8)
