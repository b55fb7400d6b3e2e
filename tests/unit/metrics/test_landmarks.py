"""NLMD sees shape and nothing else; nlmd_iod sees motion too."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes
from skimage.transform import SimilarityTransform

from emotalk.metrics.landmarks import landmark_distance, nlmd_per_frame, procrustes_align
from emotalk.schema import Doubles


def faces(frames: int = 3, seed: int = 0) -> tuple[Doubles, Doubles]:
    """Return a template and `frames` deformed copies, in pixels."""
    generator = np.random.default_rng(seed)
    template = generator.uniform(25, 103, (68, 2))
    return template, template + generator.normal(0, 2, (frames, 68, 2))


def moved(points: Doubles, scale: float, turn: float, shift: tuple[float, float]) -> Doubles:
    c, s = math.cos(turn), math.sin(turn)
    return np.asarray(scale * points @ np.array([[c, s], [-s, c]]) + shift)


def test_alignment_equals_scikit_images_least_squares_similarity() -> None:
    template, points = faces()
    points = moved(points, 1.7, 0.4, (12, -30))
    aligned = procrustes_align(points, template)
    for frame, source in enumerate(points):
        theirs = SimilarityTransform.from_estimate(source, template)
        np.testing.assert_allclose(aligned[frame], theirs(source), atol=1e-8)


def test_the_aligned_residual_equals_scipys_disparity() -> None:
    template, points = faces(1)
    aligned = procrustes_align(moved(points, 0.6, -0.3, (5, 5)), template)[0]
    _, _, disparity = procrustes(template, points[0])
    spread = np.square(template - template.mean(0)).sum()
    assert np.square(aligned - template).sum() / spread == pytest.approx(disparity, rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(0.3, 3),
    turn=st.floats(-3, 3),
    x=st.floats(-50, 50),
    y=st.floats(-50, 50),
)
def test_nlmd_does_not_see_translation_rotation_and_scale(
    scale: float, turn: float, x: float, y: float
) -> None:
    template, points = faces()
    assert nlmd_per_frame(moved(points, scale, turn, (x, y)), points, template).max() < 1e-9


def test_a_mirrored_face_is_not_the_same_shape() -> None:
    template, points = faces()
    assert nlmd_per_frame(points * [-1, 1], points, template).min() > 0.05


def test_nlmd_is_in_sides_of_the_crop() -> None:
    """One point moved by 4 px: alignment takes a little of it, the rest spreads over 68 points."""
    template, _ = faces()
    changed = template.copy()
    changed[10] += [4.0, 0.0]
    nlmd = nlmd_per_frame(changed[None], template[None], template)[0]
    aligned = SimilarityTransform.from_estimate(changed, template)(changed)
    by_hand = np.linalg.norm(aligned - template, axis=1).mean() / 128
    assert nlmd == pytest.approx(by_hand, rel=1e-9)


def test_nlmd_iod_is_the_mean_distance_over_the_outer_eye_distance() -> None:
    template, _ = faces()
    template[36], template[45] = (40, 50), (90, 50)
    result = landmark_distance((template + np.array([3.0, 4.0]))[None], template[None], template)
    assert result.nlmd_iod == pytest.approx(5 / 50)
    assert result.nlmd == pytest.approx(0, abs=1e-12)


def test_frames_without_a_face_are_left_out_and_counted() -> None:
    template, points = faces(4)
    truth = points + 0.5
    broken = points.copy()
    broken[1] = np.nan
    result = landmark_distance(broken, truth, template)
    assert result.missed_share == 0.25
    kept = landmark_distance(points[[0, 2, 3]], truth[[0, 2, 3]], template)
    assert (result.nlmd, result.nlmd_iod) == (kept.nlmd, kept.nlmd_iod)
    nobody = landmark_distance(np.full_like(points, np.nan), truth, template)
    assert math.isnan(nobody.nlmd)
    assert nobody.missed_share == 1


def test_points_that_coincide_are_an_error() -> None:
    template, _ = faces()
    with pytest.raises(ValueError, match="frame 0 coincide"):
        procrustes_align(np.ones((1, 68, 2)), template)
