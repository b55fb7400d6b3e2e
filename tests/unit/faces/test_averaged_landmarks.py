"""The mean over copies has less of the error that the box brings by chance."""

import numpy as np
import pytest

from emotalk.faces.averaged_landmarks import COPIES, AveragedCropLandmarks
from emotalk.faces.crop_landmarks import BORDER, ENLARGED
from emotalk.faces.steadiness import FaceModel
from emotalk.faces.template import MIRRORED, template_LP
from emotalk.schema import Bytes, Doubles, Floats

CROPS = np.zeros((3, 128, 128, 3), np.uint8)
FACE = (template_LP() + BORDER) * ENLARGED + 0.5  # in the padded and enlarged crop
BOX = np.array([*FACE.min(0), *FACE.max(0), 0.9])
WIDTH = (128 + 2 * BORDER) * ENLARGED


class Shaky(FaceModel):
    """Finds the face of the template, off by what depends on the box alone.

    It tells a mirrored picture by its box, which lies on the other side: the box is moved to the
    right of the middle here, so that both can be told.
    """

    def __init__(self, boxes: Doubles) -> None:
        self.found = boxes
        self.seen: list[Doubles] = []

    def boxes(self, frame_HWC: Bytes) -> Doubles:
        assert frame_HWC.shape == (WIDTH, WIDTH, 3)
        return self.found

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        self.seen.append(box)
        error = np.sin(box.sum()) * 6
        return np.asarray(FACE + error, np.float32)


@pytest.mark.parametrize("copies", [2, 4, 8])
def test_landmarks_are_the_mean_over_the_copies(copies: int) -> None:
    model = Shaky(BOX[None])
    found = AveragedCropLandmarks(model, "shaky", copies).landmarks(CROPS[:1])[0]
    assert len(model.seen) == copies
    by_hand = []
    for box, (*_, mirrored) in zip(model.seen, COPIES, strict=False):
        points = FACE + np.sin(box.sum()) * 6
        if mirrored:
            points = points[list(MIRRORED)] * (-1, 1) + (WIDTH - 1, 0)
        by_hand.append((points - 0.5) / ENLARGED - BORDER)
    np.testing.assert_allclose(found, np.mean(by_hand, 0), atol=1e-3)


def test_copies_see_other_boxes_of_about_the_same_face() -> None:
    model = Shaky(BOX[None])
    AveragedCropLandmarks(model, "shaky", 8).landmarks(CROPS[:1])
    boxes = np.stack(model.seen)
    np.testing.assert_allclose(boxes[0], BOX[:4])
    assert len(np.unique(boxes.round(3), axis=0)) == 8
    sizes = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    assert sizes.min() > 0.85 * sizes[0]
    assert sizes.max() < 1.2 * sizes[0]


def test_the_largest_face_is_taken_and_each_frame_stands_for_itself() -> None:
    small = np.array([0.0, 0.0, 20.0, 20.0, 0.99])
    model = Shaky(np.stack([small, BOX]))
    together = AveragedCropLandmarks(model, "shaky", 4).landmarks(CROPS)
    np.testing.assert_allclose(model.seen[0], BOX[:4])
    alone = AveragedCropLandmarks(Shaky(BOX[None]), "shaky", 4).landmarks(CROPS[1:2])
    np.testing.assert_array_equal(together[1:2], alone)


def test_without_a_detected_face_there_are_no_landmarks() -> None:
    found = AveragedCropLandmarks(Shaky(np.zeros((0, 5))), "shaky", 4).landmarks(CROPS)
    assert found.shape == (3, 68, 2)
    assert np.isnan(found).all()


class Scattered(Shaky):
    """Finds no face's shape."""

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        return np.asarray(FACE[::-1], np.float32)


def test_a_mean_that_is_no_face_counts_as_missed() -> None:
    found = AveragedCropLandmarks(Scattered(BOX[None]), "scattered", 4).landmarks(CROPS)
    assert np.isnan(found).all()
