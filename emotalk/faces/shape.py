"""Align shapes by similarities, and average them (Procrustes analysis)."""

from collections.abc import Iterable, Sequence

import numpy as np

from emotalk.schema import LANDMARKS, Doubles, check_shape

CHUNK = 4096  # shapes that are in memory at a time


def similarity(points_LP: Doubles, onto_LP: Doubles) -> Doubles:
    """Return the 2x3 least-squares similarity from `points_LP` to `onto_LP`.

    It is a rotation, one scale and a translation, without reflection. It maps the column vector
    (x, y, 1) by `transform @ x`.

    Raises:
        ValueError: shapes differ, a value is not finite, or all points are one.

    Source: S. Umeyama, Least-squares estimation of transformation parameters between two point
        patterns, 1991, equations 38 to 42; in the plane the rotation has a closed form, so no
        singular value decomposition is needed.
    """
    points = np.asarray(points_LP, np.float64)
    check_shape(points, "L 2", "points to align")
    transform: Doubles = similarities(points[None], onto_LP)[0]
    return transform


def similarities(points_NLP: Doubles, onto_LP: Doubles) -> Doubles:
    """Return the similarity (N, 2, 3) of each of N point sets; see `similarity`."""
    points = np.asarray(points_NLP, np.float64)
    onto = np.asarray(onto_LP, np.float64)
    check_shape(points, "N L 2", "points to align")
    check_shape(onto, f"{points.shape[1]} 2", "points to align with")
    centre, goal = points.mean(1), onto.mean(0)
    around, wanted = points - centre[:, None], onto - goal
    spread = np.einsum("nlp,nlp->n", around, around)
    products = np.einsum("nlp,lq->npq", around, wanted)
    if not (np.isfinite(spread).all() and np.isfinite(products).all()):
        raise ValueError("similarity: a point is not finite")
    if spread.min(initial=np.inf) <= 1e-12:
        raise ValueError("similarity: all points are one, so scale and rotation are undefined")
    cosine = (products[:, 0, 0] + products[:, 1, 1]) / spread  # scale * cos(turn)
    sine = (products[:, 0, 1] - products[:, 1, 0]) / spread  # scale * sin(turn)
    turn = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1)
    shift = goal - np.einsum("npq,nq->np", turn, centre)
    return np.concatenate([turn, shift[:, :, None]], 2)


def transform_points(transform: Doubles, points_LP: Doubles) -> Doubles:
    """Return points (..., 2) mapped by a 2x3 transform, as float64.

    Transforms (N, 2, 3) map points (N, L, 2), one transform for each set of L points.
    """
    points = np.asarray(points_LP, np.float64)
    return points @ transform[..., :2].swapaxes(-1, -2) + transform[..., None, :, 2]


def mean_shape(
    shapes: Sequence[Doubles] | Doubles, start_LP: Doubles, *, rounds: int = 5
) -> Doubles:
    """Return the Procrustes mean of landmark sets, aligned to `start_LP`.

    In each round every shape is aligned to the current mean and the shapes are averaged. The new
    mean is aligned to `start_LP`, so that it neither drifts nor shrinks. The order of `shapes`
    changes only the last digits. `shapes` are read `CHUNK` at a time, once a round.

    Raises:
        ValueError: no shapes, or a shape that cannot be aligned.

    Source: J. C. Gower, Generalized Procrustes analysis, 1975.
    """
    if not len(shapes):
        raise ValueError("mean_shape: no shapes")
    start = mean = np.asarray(start_LP, np.float64)
    for _ in range(rounds):
        total = np.zeros_like(start)
        for begin in range(0, len(shapes), CHUNK):
            shapes_NLP = _stacked(shapes[begin : begin + CHUNK])
            aligned = transform_points(similarities(shapes_NLP, mean), shapes_NLP)
            total = np.concatenate([total[None], aligned]).sum(0)  # in order, as of all at once
        mean = total / len(shapes)
        mean = transform_points(similarity(mean, start), mean)
    return mean


def _stacked(shapes: Iterable[Doubles]) -> Doubles:
    found = [np.asarray(shape, np.float64) for shape in shapes]
    for shape in found:
        check_shape(shape, f"{LANDMARKS} 2", "shape")
    return np.stack(found)
