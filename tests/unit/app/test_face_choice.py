import io

import numpy as np
from PIL import Image

from emotalk.app.face_choice import CHOSEN, draw_boxes, face_at, find_faces, jpeg_bytes
from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from tests.helpers.shared import shared_data

BOXES = ((10.0, 10.0, 110.0, 110.0), (60.0, 60.0, 80.0, 80.0), (200.0, 10.0, 220.0, 30.0))


def test_a_click_means_the_smallest_box_around_it_or_the_nearest_one() -> None:
    assert face_at(BOXES, 20, 20) == 0
    assert face_at(BOXES, 70, 70) == 1, "a small face before a large one"
    assert face_at(BOXES, 224, 20) == 2, "4 pixels beside a box of 20"
    assert face_at(BOXES, 150, 200) is None
    assert face_at((), 1, 1) is None


def test_the_chosen_face_has_the_bold_box_and_the_picture_is_not_changed() -> None:
    picture = np.full((128, 256, 3), 90, np.uint8)
    drawn = draw_boxes(picture, BOXES, 1)
    assert (picture == 90).all()
    orange = (drawn == CHOSEN).all(-1)
    ys, xs = np.nonzero(orange)
    assert abs(xs.min() - 60) <= 4
    assert abs(xs.max() - 80) <= 4
    assert abs(ys.min() - 60) <= 4
    assert (drawn[10, 20:100] == 255).all(-1).any(), "the others are white"


def test_a_picture_is_written_as_jpeg() -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :] = (200, 40, 10)
    read = np.asarray(Image.open(io.BytesIO(jpeg_bytes(picture))))
    assert read.shape == (20, 30, 3)
    assert np.abs(read.astype(int) - picture).max() < 12, "red stays red"


def test_all_faces_of_a_group_are_found_in_the_shown_pixels() -> None:
    root = shared_data("data", "insightface")
    config = LandmarksConfig(backend="insightface", pack="faces68", root=root)
    path = shared_data("data", "images", "pyfeat_multi_face.jpg")
    found = find_faces(path, build_landmark_detector(config))
    height, width = found.shown_HWC.shape[:2]
    assert max(height, width) <= 1024
    assert len(found.boxes) == 5, "five people stand in it"
    sizes = [(c - a) * (d - b) for a, b, c, d in found.boxes]
    assert sizes == sorted(sizes, reverse=True)
    left_to_right = sorted((a + c) / 2 / width for a, _, c, _ in found.boxes)
    assert np.allclose(left_to_right, [0.23, 0.37, 0.48, 0.58, 0.75], atol=0.04)  # by eye
