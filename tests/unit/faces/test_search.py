"""Faces of photographs found however they are turned and however small, and none made up."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pytest
from PIL import Image

from emotalk.config.etl import LandmarksConfig
from emotalk.faces import search
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, LandmarkDetector
from emotalk.faces.search import search_faces, smallest_tile, tile_sides
from emotalk.media.image import read_image
from emotalk.schema import Bytes
from tests.helpers.shared import shared_data


@pytest.fixture(scope="module")
def detector() -> LandmarkDetector:
    root = shared_data("data", "insightface")
    return build_landmark_detector(LandmarksConfig(pack="faces68", root=root))


def picture(name: str) -> Bytes:
    return read_image(shared_data("data", "images", name))


def resized(image: Bytes, width: int) -> Bytes:
    height = round(width * image.shape[0] / image.shape[1])
    return np.asarray(Image.fromarray(image).resize((width, height)))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize(
    "name", ["eskimez_img01.png", "liveportrait_s12.jpg", "liveportrait_s5.jpg"]
)
def test_the_turn_that_makes_the_face_upright_is_found(
    detector: LandmarkDetector, name: str, quarters: int
) -> None:
    upright = picture(name)
    result = search_faces(np.ascontiguousarray(np.rot90(upright, quarters)), detector)
    assert result.fault is None
    assert result.quarter_turns == (4 - quarters) % 4
    np.testing.assert_array_equal(result.image_HWC, upright)


@pytest.mark.parametrize(("left", "top"), [(60, 40), (1450, 930)])
def test_a_small_face_is_found_where_it_is(detector: LandmarkDetector, left: int, top: int) -> None:
    face = resized(picture("pyfeat_single_face.jpg"), 130)  # of which the face is 47 pixels
    y, x = np.mgrid[0:1500, 0:1900]
    wide = np.stack([(x // 9 + y // 7) % 256, y // 10 % 256, x // 12 % 256], -1).astype(np.uint8)
    wide[top : top + face.shape[0], left : left + 130] = face
    result = search_faces(wide, detector)
    assert (result.quarter_turns, result.fault) == (0, None)
    assert result.found.landmarks_LP is not None
    alone = detector.detect([face])[0].landmarks_LP
    assert alone is not None
    moved = result.found.landmarks_LP - (left, top) - alone
    assert np.abs(moved.mean(0)).max() < 3


@pytest.mark.parametrize("size", [(2000, 3), (2, 9000), (1, 1)])
def test_a_picture_of_a_few_pixels_across_has_no_face(
    detector: LandmarkDetector, size: tuple[int, int]
) -> None:
    assert not search_faces(np.zeros((*size, 3), np.uint8), detector).found.count


def test_all_faces_of_a_group_are_counted_as_they_stand(detector: LandmarkDetector) -> None:
    group = picture("pyfeat_multi_face.jpg")
    for quarters in (0, 2):
        result = search_faces(np.ascontiguousarray(np.rot90(group, quarters)), detector)
        assert result.quarter_turns == (4 - quarters) % 4
        assert result.found.count == 5


def test_no_face_is_made_up_in_any_turn(detector: LandmarkDetector) -> None:
    landscape = picture("pyfeat_free-mountain-vector-01.jpg")
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    for image in (landscape, noise):
        result = search_faces(image, detector)
        assert result.found.count == 0
        assert result.quarter_turns == 0


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_half_a_face_has_a_fault(detector: LandmarkDetector, side: str) -> None:
    for name in ("eskimez_img01.png", "pyfeat_single_face.jpg", "liveportrait_s5.jpg"):
        image = picture(name)
        points = detector.detect([image])[0].landmarks_LP
        assert points is not None
        x, y = ((points.min(0) + points.max(0)) / 2).astype(int)
        half = {
            "left": image[:, x:], "right": image[:, :x], "top": image[y:], "bottom": image[:y],
        }[side]  # fmt: skip
        result = search_faces(np.ascontiguousarray(half), detector)
        assert result.found.count == 0 or result.fault is not None


def test_tiles_are_halved_down_to_what_a_detector_can_use() -> None:
    assert tile_sides(700) == [700]
    assert tile_sides(6000) == [6000, 3000, 1500]


def test_the_smallest_tile_is_in_the_photographs_own_pixels() -> None:
    assert smallest_tile(np.empty((500, 700, 3), np.uint8)) == 700
    assert smallest_tile(np.empty((4000, 6000, 3), np.uint8)) == 1500
    assert smallest_tile(np.empty((2, 50_000, 3), np.uint8)) == 12_500


class Blind:
    """A detector that finds nothing, and keeps the sizes of what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def detect(self, frames: Sequence[Bytes], **_: object) -> list[FaceLandmarks]:
        self.shown += [frame.shape[:2] for frame in frames]
        return [NO_FACE for _ in frames]

    def track(self, frames: Iterable[Bytes], **_: object) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        raise NotImplementedError


def test_the_number_of_tiles_of_a_picture_without_a_face_has_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the limit at 1600 pixels, so that the test needs no pictures of a hundred million."""
    monkeypatch.setattr(search, "SEARCHED_SIDE", 1600)
    at_the_limit, larger = Blind(), Blind()
    search_faces(np.zeros((1200, 1600, 3), np.uint8), at_the_limit)
    result = search_faces(np.zeros((3600, 4800, 3), np.uint8), larger)
    assert larger.shown == at_the_limit.shown
    assert result.image_HWC.shape == (3600, 4800, 3)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_face_of_a_shrunk_picture_is_where_it_is_in_the_picture_itself(
    detector: LandmarkDetector, quarters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    upright = resized(picture("pyfeat_single_face.jpg"), 1500)
    turned = np.ascontiguousarray(np.rot90(upright, quarters))
    whole = search_faces(turned, detector)
    monkeypatch.setattr(search, "SEARCHED_SIDE", 600)
    shrunk = search_faces(turned, detector)
    assert shrunk.quarter_turns == whole.quarter_turns
    np.testing.assert_array_equal(shrunk.image_HWC, upright)
    assert shrunk.found.count == whole.found.count == len(shrunk.found.boxes)
    for one, other in (
        (shrunk.found.box, whole.found.box),
        (shrunk.found.boxes[0], whole.found.box),
    ):
        assert one is not None
        assert other is not None
        side = other[2] - other[0]
        np.testing.assert_allclose(one, other, atol=0.06 * side)
    assert shrunk.found.landmarks_LP is not None
    assert whole.found.landmarks_LP is not None
    apart = np.linalg.norm(shrunk.found.landmarks_LP - whole.found.landmarks_LP, axis=1)
    assert apart.mean() < 0.02 * side


def test_pictures_of_usual_size_are_searched_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = np.zeros((40, 60, 3), np.uint8)
    monkeypatch.setattr(search, "SEARCHED_SIDE", 60)
    assert search_faces(usual, Blind()).image_HWC is usual
