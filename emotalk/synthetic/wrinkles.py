"""Paint wrinkles and blushes caused by movements of the face."""

import numpy as np

from emotalk.schema import Floats
from emotalk.synthetic.actor import FaceShape
from emotalk.synthetic.canvas import GRID_HEIGHT, GRID_LEFT, GRID_TOP, GRID_WIDTH, bell, grid
from emotalk.synthetic.paint import soft_line

WRINKLES = ("folds", "bridge", "forehead", "frown", "eye_bags", "chin", "smile_light", "flush")

Line = tuple[list[tuple[float, float]], float, float]  # points, blur in pixels, depth


def wrinkle(shape: FaceShape, name: str) -> Floats:
    """Return the share of red, green and blue light that a wrinkle removes, (H, W, 3)."""
    x, y = grid()
    skin = np.array([0.75, 1.0, 1.05])
    if name == "flush":
        cheeks = np.sum([bell(x, y, (side * 38.0, 34.0), (20.0, 18.0)) for side in (-1, 1)], axis=0)
        face = 0.5 * bell(x, y, (0.0, 20.0), (60.0, 70.0))
        return np.asarray((cheeks + face)[..., None] * np.array([-0.05, 0.22, 0.22]), np.float32)
    if name == "smile_light":
        cheeks = np.sum([bell(x, y, (side * 39.0, 26.0), (13.0, 9.0)) for side in (-1, 1)], axis=0)
        return np.asarray(-0.16 * cheeks[..., None] * skin, np.float32)
    lines = {
        "folds": _fold_lines,
        "bridge": _bridge_lines,
        "forehead": _forehead_lines,
        "frown": _frown_lines,
        "eye_bags": _eye_bag_lines,
        "chin": _chin_lines,
    }[name](shape)
    depth = np.zeros((GRID_HEIGHT, GRID_WIDTH), np.float32)
    for points, blur, strength in lines:
        on_grid = np.asarray(points, np.float64) - (GRID_LEFT, GRID_TOP)
        depth = np.maximum(depth, strength * soft_line(depth.shape, on_grid, 2.0, blur))
    return np.asarray(depth[..., None] * skin, np.float32)


def _fold_lines(shape: FaceShape) -> list[Line]:
    return [
        (
            [
                (side * (shape.nose_half_width + 2.0), shape.nose_y - 6.0),
                (side * (shape.nose_half_width + 9.0), shape.nose_y + 3.0),
                (side * (shape.mouth_half_width + 9.0), shape.mouth_y - 12.0),
                (side * (shape.mouth_half_width + 13.0), shape.mouth_y + 2.0),
            ],
            2.2,
            0.42,
        )
        for side in (-1, 1)
    ]


def _bridge_lines(shape: FaceShape) -> list[Line]:
    across = [
        ([(-9.0, at + 2.5), (0.0, at - 1.0), (9.0, at + 2.5)], 1.3, 0.42)
        for at in (-4.0, 3.0, 10.0)
    ]
    sides = [
        ([(side * 6.0, -4.0), (side * 11.0, 12.0), (side * 12.0, 24.0)], 1.8, 0.32)
        for side in (-1, 1)
    ]
    return across + sides


def _forehead_lines(shape: FaceShape) -> list[Line]:
    return [
        ([(-34.0, at + 3.0), (-14.0, at), (14.0, at), (34.0, at + 3.0)], 1.5, strength)
        for at, strength in ((-40.0, 0.34), (-48.0, 0.30), (-56.0, 0.22))
    ]


def _frown_lines(shape: FaceShape) -> list[Line]:
    lines: list[Line] = [
        ([(side * 4.5, -28.0), (side * 5.5, -18.0), (side * 4.0, -9.0)], 1.4, 0.50)
        for side in (-1, 1)
    ]
    lines.append(([(-6.0, -6.0), (6.0, -6.0)], 1.4, 0.25))
    return lines


def _eye_bag_lines(shape: FaceShape) -> list[Line]:
    lines: list[Line] = []
    for side in (-1, 1):
        at, low = shape.eye_x, 11.0
        lines.append(
            (
                [(side * (at - 14), low - 3), (side * at, low), (side * (at + 13), low - 4)],
                1.6,
                0.26,
            )
        )
        for turn in (-5.0, 1.0, 7.0):
            lines.append(
                (
                    [(side * (at + 18.0), 1.0 + turn * 0.4), (side * (at + 27.0), 1.0 + turn)],
                    1.2,
                    0.22,
                )
            )
    return lines


def _chin_lines(shape: FaceShape) -> list[Line]:
    low = shape.mouth_y + shape.lower_lip + 7.0
    return [([(-15.0, low + 4.0), (0.0, low - 1.0), (15.0, low + 4.0)], 2.2, 0.34)]
