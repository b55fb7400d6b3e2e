"""Face shapes without place, turn and size: Procrustes alignment and the mean of many shapes."""

import math
from collections.abc import Iterable

import numpy as np

from emotalk.schema import LANDMARKS, Doubles, check_shape


def similarity(points_LP: Doubles, onto_LP: Doubles) -> Doubles:
    """Return the 2x3 similarity that brings `points_LP` closest to `onto_LP` (least squares).

    Turn, one scale and shift; no reflection. With x a column (x, y, 1), `transform @ x` is the
    image of x.

    Raises:
        ValueError: shapes differ, a value is not finite, or all points are one.

    Source: S. Umeyama, Least-squares estimation of transformation parameters between two point
        patterns, 1991, equations 38 to 42; in the plane the rotation has a closed form, so no
        singular value decomposition is needed.
    """
    points = np.asarray(points_LP, np.float64)
    onto = np.asarray(onto_LP, np.float64)
    check_shape(onto, f"{len(points)} 2", "points to align with")
    check_shape(points, "L 2", "points to align")
    centre, goal = points.sum(0) / len(points), onto.sum(0) / len(onto)
    around, wanted = points - centre, onto - goal
    spread = float(np.vdot(around, around))
    products = around.T @ wanted
    if not (math.isfinite(spread) and np.isfinite(products).all()):
        raise ValueError("similarity: a point is not finite")
    if spread <= 1e-12:
        raise ValueError("similarity: all points are one, so no size or turn can be read off them")
    (xu, xv), (yu, yv) = products.tolist()
    cosine, sine = (xu + yv) / spread, (xv - yu) / spread  # scale * cos(turn), scale * sin(turn)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, goal - turn @ centre])


def transform_points(transform: Doubles, points_LP: Doubles) -> Doubles:
    """Return points (..., 2) moved by a 2x3 transform, as float64."""
    points = np.asarray(points_LP, np.float64)
    return points @ transform[:, :2].T + transform[:, 2]


def mean_shape(shapes: Iterable[Doubles], start_LP: Doubles, *, rounds: int = 5) -> Doubles:
    """Return the Procrustes mean of landmark sets, placed, turned and sized as `start_LP`.

    Every shape is aligned to the current mean and averaged; the mean is brought back onto
    `start_LP` after each round, so that it neither drifts nor shrinks. The order of `shapes`
    changes only the last digits.

    Raises:
        ValueError: no shapes, or a shape that cannot be aligned.

    Source: J. C. Gower, Generalized Procrustes analysis, 1975.
    """
    all_shapes = [np.asarray(shape, np.float64) for shape in shapes]
    if not all_shapes:
        raise ValueError("mean_shape: no shapes")
    for shape in all_shapes:
        check_shape(shape, f"{LANDMARKS} 2", "shape")
    start = mean = np.asarray(start_LP, np.float64)
    for _ in range(rounds):
        aligned = [transform_points(similarity(shape, mean), shape) for shape in all_shapes]
        mean = np.mean(aligned, axis=0)
        mean = transform_points(similarity(mean, start), mean)
    return mean
