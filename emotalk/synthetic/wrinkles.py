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
    depth = np.zeros((GRID_HEIGHT, GRID_WIDTH), np.float32)
    for points, blur, strength in _lines(shape)[name]:
        on_grid = np.asarray(points, np.float64) - (GRID_LEFT, GRID_TOP)
        depth = np.maximum(depth, strength * soft_line(depth.shape, on_grid, blur))
    return np.asarray(depth[..., None] * skin, np.float32)


def _lines(shape: FaceShape) -> dict[str, list[Line]]:
    """Return the lines of each wrinkle that consists of lines."""
    nose_x, nose_y = shape.nose_half_width, shape.nose_y
    mouth_x, mouth_y = shape.mouth_half_width, shape.mouth_y
    eye_x, chin_y = shape.eye_x, shape.mouth_y + shape.lower_lip + 7.0
    lines: dict[str, list[Line]] = {
        "folds": [],
        "bridge": [
            ([(-9.0, y + 2.5), (0.0, y - 1.0), (9.0, y + 2.5)], 1.3, 0.42)
            for y in (-4.0, 3.0, 10.0)
        ],
        "forehead": [
            ([(-34.0, y + 3.0), (-14.0, y), (14.0, y), (34.0, y + 3.0)], 1.5, depth)
            for y, depth in ((-40.0, 0.34), (-48.0, 0.30), (-56.0, 0.22))
        ],
        "frown": [([(-6.0, -6.0), (6.0, -6.0)], 1.4, 0.25)],
        "eye_bags": [],
        "chin": [([(-15.0, chin_y + 4.0), (0.0, chin_y - 1.0), (15.0, chin_y + 4.0)], 2.2, 0.34)],
    }
    for side in (-1, 1):
        fold = [
            (side * (nose_x + 2.0), nose_y - 6.0),
            (side * (nose_x + 9.0), nose_y + 3.0),
            (side * (mouth_x + 9.0), mouth_y - 12.0),
            (side * (mouth_x + 13.0), mouth_y + 2.0),
        ]
        lines["folds"].append((fold, 2.2, 0.42))
        bridge = [(side * 6.0, -4.0), (side * 11.0, 12.0), (side * 12.0, 24.0)]
        lines["bridge"].append((bridge, 1.8, 0.32))
        frown = [(side * 4.5, -28.0), (side * 5.5, -18.0), (side * 4.0, -9.0)]
        lines["frown"].append((frown, 1.4, 0.50))
        bag = [(side * (eye_x - 14), 8.0), (side * eye_x, 11.0), (side * (eye_x + 13), 7.0)]
        lines["eye_bags"].append((bag, 1.6, 0.26))
        for turn in (-5.0, 1.0, 7.0):
            foot = [(side * (eye_x + 18.0), 1.0 + turn * 0.4), (side * (eye_x + 27.0), 1.0 + turn)]
            lines["eye_bags"].append((foot, 1.2, 0.22))
    return lines
