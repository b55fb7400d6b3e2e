"""A face followed through a clip: where the detector looks, and what it never misses."""

from collections.abc import Sequence

import numpy as np
import pytest
from insightface.app.common import Face

from emotalk.config.etl import LandmarksConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.backends.insightface import InsightfaceDetector
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.faces.tracking import TrackingDetector
from emotalk.media.frames import read_video
from emotalk.schema import OUTER_EYE_CORNERS, Bytes, Doubles, Floats
from tests.helpers.shared import shared_data
from tests.helpers.squares import SIDE, drawn


class Squares(TrackingDetector):
    """Detects lit squares exactly; its landmarks are drawn to the square that the box touches.

    Where a box touches none, it returns a face all the same, as landmark models do.
    """

    def __init__(self, detect_every: int) -> None:
        super().__init__(detect_every=detect_every)
        self.looks = 0

    def boxes(self, frame_HWC: Bytes) -> Doubles:
        self.looks += 1
        return self._squares(frame_HWC)

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        for square in self._squares(frame_HWC):
            if (np.minimum(box[2:4], square[2:4]) > np.maximum(box[:2], square[:2])).all():
                box = square
        shape_LP = template_LP() / 128 * SIDE + box[:2]
        return shape_LP.astype(np.float32)

    def _squares(self, frame_HWC: Bytes) -> Doubles:
        lit = frame_HWC.max(2) > 0
        found = []
        while lit.any():
            top, left = np.argwhere(lit)[0]
            found.append([left, top, left + SIDE, top + SIDE, 0.9])
            lit[top : top + SIDE, left : left + SIDE] = False
        return np.array(found, np.float64).reshape(-1, 5)


def track(detector: Squares, frames: Sequence[Bytes]) -> list[FaceLandmarks]:
    return [face for _, face in detector.track(iter(frames))]


def test_a_moving_face_is_detected_once_and_found_where_it_is() -> None:
    frames = [drawn((1, 20 + 3 * t, 30 + 2 * t)) for t in range(40)]
    detector = Squares(detect_every=100)
    found = track(detector, frames)
    assert detector.looks == 1
    for t, face in enumerate(found):
        assert face.count == 1
        assert face.landmarks_LP is not None
        np.testing.assert_allclose(
            face.landmarks_LP, template_LP() / 128 * SIDE + (20 + 3 * t, 30 + 2 * t), atol=1e-3
        )


@pytest.mark.parametrize(("every", "looks"), [(1, 40), (10, 4), (25, 2), (40, 1)])
def test_the_detector_looks_at_every_nth_frame(every: int, looks: int) -> None:
    detector = Squares(detect_every=every)
    track(detector, [drawn((1, 20 + t, 30)) for t in range(40)])
    assert detector.looks == looks


def test_a_face_that_leaves_is_missed_from_its_first_missing_frame_on() -> None:
    frames = [drawn((1, 100, 100))] * 10 + [drawn()] * 10
    found = track(Squares(detect_every=25), frames)
    assert [face.count for face in found] == [1] * 10 + [0] * 10
    assert all(face.landmarks_LP is None for face in found[10:])


def test_a_face_that_comes_back_is_found_at_once() -> None:
    frames = [drawn((1, 100, 100))] * 3 + [drawn()] * 3 + [drawn((1, 30, 20))] * 3
    found = track(Squares(detect_every=25), frames)
    assert [face.count for face in found] == [1] * 3 + [0] * 3 + [1] * 3


def test_a_cut_to_another_face_calls_the_detector() -> None:
    detector = Squares(detect_every=25)
    found = track(detector, [drawn((1, 100, 100))] * 5 + [drawn((2, 110, 95))] * 5)
    assert detector.looks == 2
    assert found[5].landmarks_LP is not None
    np.testing.assert_allclose(
        found[5].landmarks_LP, template_LP() / 128 * SIDE + (110, 95), atol=1e-3
    )


def test_a_second_face_is_counted_on_every_frame_from_the_next_look_on() -> None:
    detector = Squares(detect_every=8)
    alone, both = drawn((1, 20, 30)), drawn((1, 20, 30), (2, 200, 100))
    found = track(detector, [alone] * 4 + [both] * 10 + [alone] * 4)
    assert [face.count for face in found] == [1] * 8 + [2] * 6 + [1] * 4
    assert detector.looks == 1 + 6 + 1  # the first, each crowded one, the first alone again


def test_of_several_faces_the_one_followed_counts_not_the_one_that_came() -> None:
    alone, both = drawn((1, 200, 100)), drawn((1, 200, 100), (2, 20, 20))
    found = track(Squares(detect_every=2), [alone, alone, both])
    assert found[2].count == 2
    assert found[2].box is not None
    np.testing.assert_array_equal(found[2].box, [200, 100, 264, 164])


def test_each_clip_starts_with_the_detector() -> None:
    detector = Squares(detect_every=25)
    frames = [drawn((1, 20, 30))] * 3
    assert [f.score for f in track(detector, frames)] == [f.score for f in track(detector, frames)]
    assert detector.looks == 2


def pack(detect_every: int, det_size: int = 320) -> InsightfaceDetector:
    root = shared_data("data", "insightface")
    detector = build_landmark_detector(
        LandmarksConfig(pack="faces68", root=root, det_size=det_size, detect_every=detect_every)
    )
    assert isinstance(detector, InsightfaceDetector)
    return detector


@pytest.mark.parametrize("name", ["grid/sbwe5n.mpg", "wild/retalking_2.mp4"])
def test_followed_landmarks_are_those_of_detection_on_every_frame(name: str) -> None:
    video = read_video(shared_data("data", "clips", *name.split("/")))
    frames = list(video.at(range(50)))
    off = []
    for (_, tracked), (_, detected) in zip(
        pack(25).track(frames), pack(1).track(frames), strict=True
    ):
        ours, theirs = tracked.landmarks_LP, detected.landmarks_LP
        assert ours is not None
        assert theirs is not None
        eyes = np.linalg.norm(np.diff(theirs[list(OUTER_EYE_CORNERS)], axis=0))
        off.append(np.linalg.norm(ours - theirs, axis=1).mean() / eyes)
    assert np.mean(off) < 0.015
    assert np.mean(off[-12:]) < 0.02  # nor does it drift


def test_landmarks_are_those_of_the_packs_own_code() -> None:
    detector = pack(1)
    for name in ("brbk7n.mpg", "lbax4n.mpg"):
        frame = next(read_video(shared_data("data", "clips", "grid", name)).at([3]))
        box = detector.boxes(frame)[0, :4]
        theirs = detector._model.get(np.ascontiguousarray(frame[:, :, ::-1]), Face(bbox=box))
        np.testing.assert_allclose(detector.landmarks(frame, box), theirs, atol=1e-2)
