"""Similarities and mean shapes against independent references."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from emotalk.faces import shape as shape_module
from emotalk.faces.shape import mean_shape, similarities, similarity, transform_points
from emotalk.faces.template import MIRRORED, fitted_to_crop, symmetric, template_LP
from emotalk.schema import Doubles

numbers = st.floats(-50, 50, allow_nan=False)


def turned(turn: float, scale: float, x: float, y: float) -> Doubles:
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cosine, -sine, x], [sine, cosine, y]])


@settings(max_examples=40, deadline=None)
@given(turn=st.floats(-3, 3), scale=st.floats(0.1, 8), x=numbers, y=numbers)
def test_a_similarity_is_found_again(turn: float, scale: float, x: float, y: float) -> None:
    made = turned(turn, scale, x, y)
    shape = template_LP()
    found = similarity(shape, transform_points(made, shape))
    np.testing.assert_allclose(found, made, atol=1e-9)
    back = transform_points(cv2.invertAffineTransform(found), transform_points(found, shape))
    np.testing.assert_allclose(back, shape, atol=1e-9)


def test_noisy_points_are_fitted_as_scikit_image_fits_them() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    points = rng.normal(0, 20, (3, 2))
    onto = transform_points(turned(0.4, 1.7, 5, -3), points) + rng.normal(0, 1, (3, 2))
    reference = SimilarityTransform.from_estimate(points, onto)
    np.testing.assert_allclose(similarity(points, onto), reference.params[:2], atol=1e-10)


def test_many_shapes_at_once_are_fitted_and_moved_as_each_by_itself() -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    shapes, onto = rng.normal(0, 20, (5, 7, 2)), rng.normal(0, 20, (7, 2))
    together = similarities(shapes, onto)
    alone = [SimilarityTransform.from_estimate(shape, onto).params[:2] for shape in shapes]
    np.testing.assert_allclose(together, alone, atol=1e-10)
    moved = [transform_points(t, shape) for t, shape in zip(alone, shapes, strict=True)]
    np.testing.assert_allclose(transform_points(together, shapes), moved, atol=1e-9)


def test_points_without_a_size_are_refused() -> None:
    with pytest.raises(ValueError, match="all points are one"):
        similarity(np.ones((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="not finite"):
        similarity(np.full((3, 2), np.nan), np.zeros((3, 2)))


def test_the_mean_of_turned_copies_is_the_shape_itself() -> None:
    shape = template_LP()
    copies = [transform_points(turned(t, 1 + t, 9 * t, -t), shape) for t in (0.1, 0.5, -0.7, 1.5)]
    np.testing.assert_allclose(mean_shape(copies, shape), shape, atol=1e-9)
    with pytest.raises(ValueError, match="no shapes"):
        mean_shape([], shape)


def test_the_template_spans_what_the_crop_leaves_it() -> None:
    points = template_LP()
    assert points.shape == (68, 2)
    np.testing.assert_allclose(points.min(0), [25.6, 25.6], atol=1e-3)
    np.testing.assert_allclose(points.max(0), [102.4, 102.4], atol=1e-3)


def test_the_template_is_a_face_seen_from_the_front() -> None:
    points = template_LP()
    np.testing.assert_allclose(symmetric(points), points, atol=1e-3)
    assert [MIRRORED[i] for i in MIRRORED] == list(range(68))
    brows, eyes, nose, mouth, chin = (
        points[part, 1].mean() for part in (range(17, 27), range(36, 48), [33], range(48, 68), [8])
    )
    assert brows < eyes < nose < mouth < chin
    assert points[36, 0] < points[39, 0] < 64 < points[42, 0] < points[45, 0]


def test_any_shape_can_be_fitted_to_the_crop() -> None:
    fitted = fitted_to_crop(template_LP() * [3.0, 0.5] + 100)
    np.testing.assert_allclose(fitted, template_LP(), atol=1e-2)


def test_the_mean_does_not_depend_on_how_many_shapes_are_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bit for bit: sets made before shapes were read in parts have the mean of all at once."""
    random = np.random.default_rng(5)
    start = template_LP()
    shapes = start + random.normal(0, 3, (501, *start.shape))
    mean = start
    for _ in range(5):
        moved = transform_points(similarities(shapes, mean), shapes).mean(0)
        mean = transform_points(similarity(moved, start), moved)
    for chunk in (4096, 501, 100, 7, 1):
        monkeypatch.setattr(shape_module, "CHUNK", chunk)
        assert np.array_equal(mean_shape(shapes, start), mean)
