"""The crop shows what the transform says, to a fraction of a pixel and without aliasing."""

import numpy as np
import pytest
from skimage.transform import AffineTransform
from skimage.transform import warp as reference_warp

from emotalk.faces.align import align_image, alignment, scale_of, three_points, warp
from emotalk.faces.shape import transform_points
from emotalk.faces.template import template_LP
from emotalk.schema import Bytes, Doubles
from tests.helpers.clips import face_in_frame, frames


def blob(size: int, x: float, y: float, sigma: float) -> Bytes:
    """Return a picture of one smooth spot with its centre at (x, y)."""
    rows, columns = np.mgrid[0:size, 0:size]
    spot = 200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.rint(spot).astype(np.uint8)[:, :, None], 3, 2)


def centre_of(image: Bytes) -> Doubles:
    weights = image[:, :, 0].astype(np.float64)
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    centre: Doubles = np.array([(weights * columns).sum(), (weights * rows).sum()])
    return centre / float(weights.sum())


def scaling(scale: float, x: float, y: float) -> Doubles:
    return np.array([[scale, 0.0, x], [0.0, scale, y]])


def test_three_points_are_the_means_of_eyes_and_nose() -> None:
    points = np.arange(136.0).reshape(68, 2)
    wanted = [[79.0, 80.0], [89.0, 90.0], [65.0, 66.0]]  # rows (39+40)/2, (42+47)/2, (30+..+35)/6
    np.testing.assert_allclose(three_points(points), wanted)


def test_a_face_that_is_the_template_stays_where_it_is() -> None:
    np.testing.assert_allclose(alignment(template_LP()), scaling(1, 0, 0), atol=1e-9)


def test_nothing_changes_a_crop_that_is_the_frame() -> None:
    image = frames(1, size=(128, 128))[0]
    np.testing.assert_array_equal(warp(image, scaling(1, 0, 0)), image)


@pytest.mark.parametrize("scale", [0.15, 0.31, 0.63, 0.99, 1.0, 1.4, 2.5])
def test_a_spot_lands_where_the_transform_sends_it(scale: float) -> None:
    place = np.array([211.3, 187.6])
    transform = scaling(scale, *(np.array([60.2, 66.9]) - scale * place))
    crop = warp(blob(400, place[0], place[1], max(4, 5 / scale)), transform)
    np.testing.assert_allclose(centre_of(crop), [60.2, 66.9], atol=0.06)


def test_an_enlarged_crop_agrees_with_scikit_image() -> None:
    image = frames(1, size=(100, 120))[0]
    transform = np.array([[1.3, -0.2, -9.4], [0.2, 1.3, -20.3]])
    matrix = AffineTransform(matrix=np.vstack([transform, [0, 0, 1]]))
    wanted = reference_warp(image, matrix.inverse, output_shape=(128, 128), order=3, mode="edge")
    inside = slice(20, 100)
    got = warp(image, transform)[inside, inside] / 255
    assert np.abs(got - wanted[inside, inside]).max() < 0.02


def test_fine_stripes_become_grey_instead_of_coarse_stripes() -> None:
    columns = np.arange(600) % 2 * 255
    stripes = np.broadcast_to(columns[None, :, None], (600, 600, 3)).astype(np.uint8)
    crop = warp(np.ascontiguousarray(stripes), scaling(0.28, -10.3, -12.1)).astype(float)
    assert crop.std() < 12
    assert crop.mean() == pytest.approx(127.5, abs=3)


def test_landmarks_move_with_the_picture() -> None:
    landmarks = face_in_frame((480, 640))
    image = blob(640, landmarks[30, 0], landmarks[30, 1], 9)[:480]
    crop, moved, transform = align_image(image, landmarks)
    assert crop.shape == (128, 128, 3)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, transform_points(transform, landmarks), atol=1e-4)
    np.testing.assert_allclose(moved, template_LP(), atol=1e-3)
    np.testing.assert_allclose(centre_of(crop), moved[30], atol=0.1)
    assert scale_of(transform) == pytest.approx(128 / (0.9 * 480))
