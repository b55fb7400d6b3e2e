"""A clip within which a new shot begins is left out: the value, the limit and where it is."""

import numpy as np
import pytest

from emotalk.config.etl import QualityConfig
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.template import template_LP
from emotalk.schema import Doubles, Floats, Rejection
from etl.clip.one_shot import RIGID, ClipShots, check_jumps, face_jumps
from tests.unit.etl.clip.test_shot_changes import scene

LIMITS = QualityConfig()
TIMES_S = np.arange(40) / 25


def seen(limits: QualityConfig = LIMITS) -> ClipShots:
    """Return what was noted of 20 frames of one scene and 20 of another, darker one."""
    shots = ClipShots(limits)
    dark = (scene(1, frames=20) * 0.8).astype(np.uint8)
    told = [shots.add(frame) for frame in np.concatenate([scene(0, frames=20), dark])]
    assert [number for number, new in enumerate(told) if new] in ([20], [])
    return shots


def test_a_cut_within_the_clip_is_named_with_its_second() -> None:
    with pytest.raises(Rejection) as caught:
        seen().check(range(40), TIMES_S + 3.0)
    assert caught.value.reason == "shot_change"
    assert "of the picture changes at 0.80 s, at most 0.25 (quality.max_picture_change)" in str(
        caught.value
    )


def test_a_cut_outside_of_the_frames_that_are_kept_is_none_of_the_clip() -> None:
    seen().check(range(20), TIMES_S)
    seen().check(range(20, 40), TIMES_S)
    with pytest.raises(Rejection):
        seen().check(range(19, 21), TIMES_S)


def test_the_limit_1_looks_at_no_picture() -> None:
    seen(QualityConfig(max_picture_change=1)).check(range(40), TIMES_S)


def faces(*shifts: float, scale: float = 2.0, shape: Doubles | None = None) -> list[FaceLandmarks]:
    """Return faces in source pixels, twice as large as in the crop, shifted to the right."""
    points = template_LP() if shape is None else shape
    moved = [(points * scale + [scale * shift, 0]).astype(np.float32) for shift in shifts]
    return [FaceLandmarks(1, np.zeros(4), 0.9, points_LP) for points_LP in moved]


def points(found: list[FaceLandmarks]) -> list[Floats | None]:
    return [face.landmarks_LP for face in found]


def test_a_jump_is_the_distance_in_crop_pixels_whatever_the_size_of_the_picture() -> None:
    for scale in (0.5, 2.0, 10.0):
        jumps = face_jumps(points(faces(0, 0, 0, 20, 20, 20, scale=scale)), TIMES_S[:6])
        assert jumps == pytest.approx([0, 0, 20, 0, 0], abs=1e-3)


def test_a_face_that_jumps_is_named_with_its_second() -> None:
    found = faces(0, 0, 0, 0, 20, 20, 20)
    with pytest.raises(
        Rejection, match=r"jumps by 20 crop pixels at 0\.16 s, at most 16"
    ) as caught:
        check_jumps(found, TIMES_S[:7], LIMITS)
    assert caught.value.reason == "shot_change"
    check_jumps(found, TIMES_S[:7], QualityConfig(max_face_jump=None))
    check_jumps(found, TIMES_S[:7], QualityConfig(max_face_jump=21))


def test_a_fast_turn_is_no_jump_and_neither_is_the_same_in_a_slow_video() -> None:
    check_jumps(faces(*np.arange(0, 60, 12)), TIMES_S[:5], LIMITS)
    check_jumps(faces(*np.arange(0, 120, 24)), 2 * TIMES_S[:5], LIMITS)


def test_one_frame_s_wrong_landmarks_are_no_jump() -> None:
    check_jumps(faces(0, 0, 0, 50, 0, 0, 0), TIMES_S[:7], LIMITS)
    with pytest.raises(Rejection):  # the crop rests on the first frame's
        check_jumps(faces(50, 0, 0, 0), TIMES_S[:4], LIMITS)


def test_another_size_is_a_jump_and_a_mouth_that_opens_is_none() -> None:
    small, large = faces(*[0] * 4), faces(*[0] * 4, scale=3.0)
    with pytest.raises(Rejection):
        check_jumps(small + large, TIMES_S[:8], LIMITS)
    opened = template_LP().copy()
    opened[RIGID.stop :] += [0, 40]
    check_jumps(faces(*[0] * 4) + faces(*[0] * 4, shape=opened), TIMES_S[:8], LIMITS)


def test_a_clip_of_one_frame_has_no_jump() -> None:
    check_jumps(faces(0), TIMES_S[:1], LIMITS)
