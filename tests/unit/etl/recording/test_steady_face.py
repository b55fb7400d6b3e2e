"""Periods of one steady face, from a few frames a second."""

import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from etl.recording.steady_face import SteadyFaces

LANDMARKS_LP = np.zeros((68, 2), np.float32)


def face(left: float = 100.0, *, count: int = 1, side: float = 80.0) -> FaceLandmarks:
    box = np.array([left, 50.0, left + side, 50.0 + side])
    return FaceLandmarks(count, box=box, score=0.9, landmarks_LP=LANDMARKS_LP)


def periods(seen: list[FaceLandmarks], **limits: float) -> list[tuple[float, float]]:
    """Return the periods of one shot, looked at twice a second, that ends with the last frame."""
    faces = SteadyFaces(QualityConfig.model_validate(limits))
    for number, found in enumerate(seen):
        faces.add(number / 2, found)
    faces.end_shot(len(seen) / 2, next_s=float("inf"))
    return [(period.start_s, period.end_s) for period in faces.periods]


def test_a_face_that_stays_is_one_period_to_the_end_of_the_shot() -> None:
    assert periods([face(100 + 5 * n) for n in range(6)]) == [(0.0, 3.0)]


def test_a_period_ends_with_the_last_frame_that_shows_the_face() -> None:
    assert periods([face(), face(), NO_FACE, face(), face()]) == [(0.0, 0.5), (1.5, 2.5)]


def test_another_face_in_another_place_begins_another_period() -> None:
    assert periods([face(), face(), face(300), face(300)]) == [(0.0, 0.5), (1.0, 2.0)]


@pytest.mark.parametrize(("crowd", "expected"), [(1, [(0.0, 2.5)]), (2, [(0.0, 0.5), (2.0, 3.0)])])
def test_one_frame_with_more_faces_is_an_error_of_the_detector(
    crowd: int, expected: list[tuple[float, float]]
) -> None:
    assert periods([face(), face(), *[face(count=2)] * crowd, face(), face()]) == expected


def test_ten_people_have_no_period_and_are_counted() -> None:
    faces = SteadyFaces(QualityConfig())
    for number in range(6):
        faces.add(number / 2, face(count=10))
    faces.end_shot(3.0, next_s=3.0)
    assert faces.periods == []
    assert faces.seen == {"several_faces": 6}
    assert periods([face(count=2)] * 4, max_faces=2) == [(0.0, 2.0)]


def test_a_face_below_the_smallest_size_is_none() -> None:
    assert periods([face(side=40.0)] * 4) == []
    assert periods([face(side=40.0)] * 4, min_face_pixels=40) == [(0.0, 2.0)]


def test_a_shot_change_ends_a_period_and_the_next_begins_with_its_shot() -> None:
    """A change that may be a flash is told some frames late."""
    faces = SteadyFaces(QualityConfig())
    faces.add(0.0, face())
    faces.add(0.5, face())
    faces.end_shot(0.72, next_s=0.72)
    faces.add(0.84, face())
    faces.add(1.34, face())
    faces.end_shot(1.5, next_s=1.5)
    faces.add(1.5, NO_FACE)
    faces.add(2.0, face())
    faces.end_shot(2.4, next_s=float("inf"))
    found = [(period.start_s, period.end_s) for period in faces.periods]
    assert found == [(0.0, 0.72), (0.72, 1.5), (2.0, 2.4)]


def test_frames_that_are_not_looked_at_end_a_period() -> None:
    faces = SteadyFaces(QualityConfig())
    faces.add(0.0, face())
    faces.add(0.5, face())
    faces.skip()
    faces.add(9.0, face())
    faces.end_shot(9.5, next_s=9.5)
    assert [(p.start_s, p.end_s) for p in faces.periods] == [(0.0, 0.5), (9.0, 9.5)]
