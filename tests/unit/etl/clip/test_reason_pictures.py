"""The picture of a rejected clip shows the frame that the reason is about."""

from pathlib import Path

import numpy as np
import pytest

from emotalk.faces.landmarks import NO_FACE, FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.media.frames import read_video
from emotalk.schema import Bytes
from etl.clip.reason_pictures import ReasonPictures, first_picture
from tests.helpers.clips import write_clip

ONE = FaceLandmarks(1, landmarks_LP=template_LP().astype(np.float32))
TWO = FaceLandmarks(2, landmarks_LP=ONE.landmarks_LP)


def flat(level: int, size: int = 128) -> Bytes:
    return np.full((size, size, 3), level, np.uint8)


def seen(faces: list[FaceLandmarks]) -> ReasonPictures:
    """Return the pictures after frames whose grey is their number."""
    pictures = ReasonPictures(len(faces), max_faces=1)
    for number, face in enumerate(faces):
        pictures.add(flat(number, size=400), face)
    return pictures


@pytest.mark.parametrize(
    ("reason", "frame"),
    [("no_face", 3), ("several_faces", 1), ("small_face", 4), ("mouth_outside", 4)],
)
def test_the_first_odd_frame_is_shown_else_the_middle_one(reason: str, frame: int) -> None:
    pictures = seen([ONE, TWO, TWO, NO_FACE, ONE, NO_FACE, ONE, ONE])
    shown = pictures.of(reason, [], [])
    assert shown is not None
    assert shown.shape == (160, 160, 3)
    assert shown.mean() == frame


def test_before_the_middle_there_is_no_picture() -> None:
    pictures = ReasonPictures(9, max_faces=1)
    pictures.add(flat(1), ONE)
    assert pictures.of("bad_landmarks", [], []) is None


def test_a_blurred_face_is_shown_as_it_was_judged_in_its_crop() -> None:
    pictures = seen([ONE] * 3)
    shown = pictures.of("blurred", [flat(10), flat(20), flat(30)], [])
    assert shown is not None
    assert (shown == 20).all()


@pytest.mark.parametrize("reason", ["leaves_crop", "bad_landmarks"])
def test_the_landmarks_that_lie_furthest_outside_are_drawn(reason: str) -> None:
    points = template_LP().astype(np.float32)
    aside = points + np.array([50, 0], np.float32)
    shown = seen([ONE] * 3).of(reason, [flat(10), flat(20), flat(30)], [points, aside, points])
    assert shown is not None
    assert tuple(shown[0, 0]) == (20, 20, 20)
    x, y = np.round(aside[8]).astype(int)
    assert shown[y, x, 1] > 150


def test_landmarks_without_numbers_are_no_crash() -> None:
    points = np.full((68, 2), np.nan, np.float32)
    points[1] = np.inf
    assert seen([ONE] * 3).of("bad_landmarks", [flat(10)], [points]) is not None


def test_the_first_frame_stands_in_where_no_face_was_looked_for(tmp_path: Path) -> None:
    video = read_video(write_clip(tmp_path / "a.mp4", container="mp4", seconds=0.4))
    shown = first_picture(video)
    assert shown is not None
    assert shown.shape == (96, 128, 3)
    (tmp_path / "a.mp4").write_bytes(b"gone")
    assert first_picture(video) is None
