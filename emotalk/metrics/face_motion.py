"""Measure how much lips, brows and head move, and how steady the landmarks are.

Each figure says something of one video alone, so that a generated video's can be held against the
true one's. Lengths are in the clip's mean outer-eye distances. Frames without a face are left out.
"""

from itertools import combinations

import numpy as np

from emotalk.metrics.landmarks import Points, align_by, outer_eye_distance
from emotalk.schema import FPS, LANDMARKS, MOUTH, Doubles, check_shape

STABLE = (*range(27, 36), 36, 39, 42, 45)
"""Points that neither speech nor blinks move relative to the head: nose and corners of the eyes."""

BROWS_AND_EYES = (((17, 18, 19, 20, 21), (36, 39)), ((22, 23, 24, 25, 26), (42, 45)))
"""Points of each brow, and the corners of the eye under it."""

MIN_FRAMES = 8
"""Smallest number of frames (of pairs of frames) for a figure: a third of a second."""

LIP_STEP, SLOW_STEP = 2, 4
"""Frames between the two positions of a speed. Lips move several times a second. Brows and head
move slowly, and a longer step keeps the noise of landmarks out."""


def lip_dynamics(points_TLP: Points) -> float:
    """Return by how much the shape of the lips varies over the clip, in eye distances.

    It is the root of the variance over time of the distances between any two of the 20 mouth
    points, averaged over the pairs. Head motion in the plane does not count. NaN with fewer than
    `MIN_FRAMES` frames with a face.

    Source: THEval (Quignon et al., CVPR 2026), "lip dynamics" of its public code. Differences: the
        root, so that half the amplitude gives half the figure; iBUG's mouth points for
        MediaPipe's; the clip's mean eye distance for that of each frame.
    """
    points = _with_face(points_TLP)
    if len(points) < MIN_FRAMES:
        return float("nan")
    first, second = np.array([*combinations(range(*MOUTH.indices(LANDMARKS)), 2)]).T
    distances_TD = np.linalg.norm(points[:, first] - points[:, second], axis=-1)
    return float(np.sqrt(distances_TD.var(0).mean()) / outer_eye_distance(points).mean())


def lip_speed(points_TLP: Points, template_LP: Points) -> float:
    """Return the mean speed of the mouth's points relative to the head, in eye distances a second.

    Each frame is aligned to the template by `STABLE`. Unlike `lip_dynamics` it tells a slow mouth
    from a quick one. NaN without `MIN_FRAMES` pairs of frames.
    """
    aligned = align_by(_checked(points_TLP), template_LP, STABLE)
    rest_1LP = np.asarray(template_LP, np.float64)[None]
    return _speed(aligned[:, MOUTH], LIP_STEP) / _eye_distance(rest_1LP)


def brow_dynamics(points_TLP: Points) -> float:
    """Return the mean speed at which the brows rise and fall, in eye distances a second.

    The height of a brow is the distance of its centre from the middle between the corners of its
    eye; both sides are averaged. NaN without `MIN_FRAMES` pairs of frames.

    Source: THEval, "eyebrow dynamics". Differences: a step of `SLOW_STEP` frames, since from frame
        to frame the noise of landmarks exceeds the motion; eye corners in place of the whole eye,
        whose centre every blink moves; the outer-eye distance as the unit; by the second.
    """
    points = _checked(points_TLP)
    heights = [
        np.linalg.norm(points[:, list(brow)].mean(1) - points[:, list(eye)].mean(1), axis=-1)
        for brow, eye in BROWS_AND_EYES
    ]
    heights_TS1 = np.stack(heights, 1)[:, :, None]
    return _speed(heights_TS1, SLOW_STEP) / _eye_distance(points)


def head_motion(points_TLP: Points, template_LP: Points) -> float:
    """Return the mean speed of the head in the picture, in eye distances a second.

    The head's pose is the similarity that maps the template's `STABLE` points onto the frame's. The
    speed is that of these points as the pose maps them, so that shift, turn and size count and the
    noise of single points is averaged. NaN without `MIN_FRAMES` pairs of frames.

    Differs from THEval's "head motion dynamics", which takes three angles from a further network
    and adds variances of angles and of pixels. Turns out of the plane count here as far as they
    move eyes and nose in the picture.
    """
    points = _checked(points_TLP)
    frame = points[:, STABLE, 0] + 1j * points[:, STABLE, 1]
    rest = np.asarray(template_LP, np.float64)[list(STABLE)] @ np.array([1, 1j])
    rest -= rest.mean()
    middle = frame.mean(1, keepdims=True)
    turn = ((frame - middle) @ rest.conj()) / np.square(np.abs(rest)).sum()
    posed = turn[:, None] * rest + middle
    return _speed(np.stack([posed.real, posed.imag], -1), SLOW_STEP) / _eye_distance(points)


def landmark_jitter(points_TLP: Points) -> float:
    """Return the mean acceleration of `STABLE` points, in percent of the eye distance a frame^2.

    A head cannot shake from frame to frame, so this is the tremor of the picture and the noise of
    the landmark model; the true video's shows the latter. NaN without `MIN_FRAMES` triples.
    """
    points = _checked(points_TLP)
    bend = points[2:, STABLE] - 2 * points[1:-1, STABLE] + points[:-2, STABLE]
    lengths_TL = np.linalg.norm(bend, axis=-1)
    known_T = np.isfinite(lengths_TL).all(1)
    if known_T.sum() < MIN_FRAMES:
        return float("nan")
    return float(100 * lengths_TL[known_T].mean() / _eye_distance(points))


def _speed(points_TLP: Doubles, step: int) -> float:
    """Return the mean length of the points' motion over `step` frames, in their units a second."""
    moved_TL = np.linalg.norm(points_TLP[step:] - points_TLP[:-step], axis=-1)
    known_T = np.isfinite(moved_TL).all(1)
    if known_T.sum() < MIN_FRAMES:
        return float("nan")
    return float(moved_TL[known_T].mean() * FPS / step)


def _eye_distance(points_TLP: Doubles) -> float:
    """Return the mean outer-eye distance over the frames with a face; NaN without one."""
    points = _with_face(points_TLP)
    return float(outer_eye_distance(points).mean()) if len(points) else float("nan")


def _with_face(points_TLP: Points) -> Doubles:
    points = _checked(points_TLP)
    return np.asarray(points[np.isfinite(points).all((1, 2))])


def _checked(points_TLP: Points) -> Doubles:
    check_shape(points_TLP, f"T {LANDMARKS} 2", "landmarks")
    return np.asarray(points_TLP, np.float64)
