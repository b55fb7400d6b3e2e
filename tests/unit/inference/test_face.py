import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, LandmarkDetector
from emotalk.faces.template import template_LP
from emotalk.inference.face import find_face, read_aligned, read_face
from emotalk.media.image import read_image
from emotalk.schema import Bytes
from tests.helpers.shared import shared_data


class Finder:
    """Knows faces by their colour: squares of 128 pixels, the lighter one counted as larger."""

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        return [self._find(frame) for frame in frames]

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        raise AssertionError("a photograph is no clip")

    def _find(self, frame: Bytes) -> FaceLandmarks:
        boxes = []
        for shade in (200, 100):
            rows, columns = np.nonzero((frame == shade).all(2))
            if rows.size:
                corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                boxes.append(np.array(corners, float))
        if not boxes:
            return NO_FACE
        landmarks = (template_LP() + boxes[0][:2]).astype(np.float32)
        return FaceLandmarks(len(boxes), boxes[0], 1.0, landmarks, tuple(boxes))


def picture(tmp_path: Path, *shades: int) -> Path:
    image = np.zeros((200, 600, 3), np.uint8)
    for place, shade in enumerate(shades):
        image[40:168, 50 + 300 * place : 178 + 300 * place] = shade
    path = tmp_path / "faces.png"
    Image.fromarray(image).save(path)
    return path


def test_the_only_face_is_cut_out(tmp_path: Path) -> None:
    crop_CHW = read_face(picture(tmp_path, 100), Finder())
    assert crop_CHW.shape == (3, 128, 128)
    np.testing.assert_array_equal(crop_CHW[:, 2:-2, 2:-2], 100)


def test_where_the_face_is_comes_with_the_crop(tmp_path: Path) -> None:
    path = picture(tmp_path, 100, 200)
    found = find_face(path, read_image(path), Finder(), choice="largest")
    assert found.picture_HWC.shape == (200, 600, 3)
    np.testing.assert_allclose(found.matrix_23, [[1, 0, -350], [0, 1, -40]], atol=1e-3)
    assert found.landmarks_LP is not None
    np.testing.assert_allclose(found.landmarks_LP, template_LP(), atol=1e-2)
    np.testing.assert_array_equal(
        found.crop_CHW[:, 2:-2, 2:-2].transpose(1, 2, 0), found.picture_HWC[42:166, 352:476]
    )


def test_several_faces_are_listed_and_none_is_taken(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"2 faces were found \(0: x 50-178, y 40-168; 1: x 350-478"):
        read_face(picture(tmp_path, 200, 100), Finder())


@pytest.mark.parametrize(("choice", "shade"), [("largest", 200), ("0", 200), ("1", 100)])
def test_the_chosen_face_is_cut_out(tmp_path: Path, choice: str, shade: int) -> None:
    crop_CHW = read_face(picture(tmp_path, 200, 100), Finder(), choice=choice)
    np.testing.assert_array_equal(crop_CHW[:, 2:-2, 2:-2], shade)


@pytest.mark.parametrize("choice", ["2", "-1", "smallest", ""])
def test_a_face_that_is_not_there_is_refused(tmp_path: Path, choice: str) -> None:
    with pytest.raises(WrongUse, match="allowed are largest and 0 to 1"):
        read_face(picture(tmp_path, 200, 100), Finder(), choice=choice)


def test_a_picture_without_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no face was found in this picture of 600 x 200 pixels"):
        read_face(picture(tmp_path), Finder())
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(WrongUse, match="give one with a face of at least 16 pixels"):
        read_face(tmp_path / "dot.png", Finder())


def test_an_aligned_picture_is_taken_as_it_is(tmp_path: Path) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    Image.fromarray(crop).save(tmp_path / "crop.png")
    np.testing.assert_array_equal(read_aligned(tmp_path / "crop.png"), crop.transpose(2, 0, 1))


def test_an_aligned_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="600 x 200 pixels is no aligned crop of 128 x 128"):
        read_aligned(picture(tmp_path))


@pytest.fixture(scope="module")
def detector() -> LandmarkDetector:
    root = shared_data("data", "insightface")
    return build_landmark_detector(LandmarksConfig(pack="faces68", root=root))


@pytest.mark.parametrize(
    "name", ["dinoman_grid_image.bmp", "liveportrait_s12.jpg", "sadtalker_full4.jpeg"]
)
def test_a_real_face_lands_on_the_template(detector: LandmarkDetector, name: str) -> None:
    crop_CHW = read_face(shared_data("data", "images", name), detector)
    found = detector.detect([crop_CHW.transpose(1, 2, 0)])[0]
    assert found.landmarks_LP is not None
    assert np.abs(found.landmarks_LP[27:48].mean(0) - template_LP()[27:48].mean(0)).max() < 6


def test_each_of_five_real_faces_can_be_chosen(detector: LandmarkDetector) -> None:
    path = shared_data("data", "images", "pyfeat_multi_face.jpg")
    with pytest.raises(WrongUse, match="5 faces were found"):
        read_face(path, detector)
    crops = [read_face(path, detector, choice=str(index)) for index in range(5)]
    assert len({crop.tobytes() for crop in crops}) == 5


def test_a_landscape_has_no_face(detector: LandmarkDetector) -> None:
    with pytest.raises(WrongUse, match="no face was found"):
        read_face(shared_data("data", "images", "pyfeat_free-mountain-vector-01.jpg"), detector)


def test_a_photograph_upside_down_is_turned_and_said(
    detector: LandmarkDetector, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = shared_data("data", "faults", "pictures")
    with caplog.at_level(logging.WARNING):
        turned = read_face(pictures / "face_rot180.jpg", detector)
    assert "face_rot180.jpg: the picture was turned by 180 degrees to be upright" in caplog.text
    upright = read_face(pictures / "face_srgb.jpg", detector)
    assert np.abs(turned.astype(float) - upright).mean() < 3


def test_half_a_face_is_refused(detector: LandmarkDetector) -> None:
    path = shared_data("data", "faults", "pictures", "face_half_border.jpg")
    with pytest.raises(WrongUse, match=r"a face was found, but cannot be used: .*whole face"):
        read_face(path, detector)


def test_a_small_face_in_a_large_photograph_is_found(detector: LandmarkDetector) -> None:
    path = shared_data("data", "faults", "pictures", "face_small_in_24mp.jpg")
    crop_CHW = read_face(path, detector)
    found = detector.detect([crop_CHW.transpose(1, 2, 0)])[0]
    assert found.landmarks_LP is not None
    assert np.abs(found.landmarks_LP[27:48].mean(0) - template_LP()[27:48].mean(0)).max() < 6
