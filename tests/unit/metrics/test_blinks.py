"""A blink is a short dip of the eye aspect ratio."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.faces.template import template_LP
from emotalk.metrics.blinks import eye_aspect_ratio, find_blinks
from emotalk.schema import Doubles

OPEN = 0.3


def eyes(*shut: tuple[int, int], frames: int = 75, dip: float = 0.4) -> Doubles:
    """Return ratios of open eyes that are shut in the frames from `begin` to before `end`."""
    ratio_T = np.full(frames, OPEN)
    for begin, end in shut:
        ratio_T[begin:end] *= dip
    return ratio_T


def test_the_ratio_is_height_over_width_of_both_eyes() -> None:
    points = np.repeat(template_LP()[None], 2, 0)
    for first, height in ((36, 3.0), (42, 1.0)):
        for offset, (x, y) in enumerate(
            ((0, 0), (3, -height), (6, -height), (10, 0), (6, height), (3, height))
        ):
            points[1, first + offset] = (x, y)
    assert eye_aspect_ratio(points)[1] == pytest.approx((0.6 + 0.2) / 2)
    points[0] = np.nan
    assert math.isnan(eye_aspect_ratio(points)[0])


def test_two_blinks_in_three_seconds_are_forty_a_minute() -> None:
    found = find_blinks(eyes((10, 13), (40, 45)))
    assert found.a_minute == pytest.approx(40)
    assert found.seconds == pytest.approx(4 / 25)


def test_open_eyes_do_not_blink() -> None:
    found = find_blinks(eyes())
    assert found.a_minute == 0
    assert math.isnan(found.seconds)


def test_one_frame_is_a_blink_and_a_small_dip_is_none() -> None:
    assert find_blinks(eyes((30, 31))).a_minute == pytest.approx(20)
    assert find_blinks(eyes((30, 33), dip=0.8)).a_minute == 0


def test_an_eye_that_trembles_while_shut_blinks_once() -> None:
    ratio_T = eyes((30, 38))
    ratio_T[34] = 0.8 * OPEN  # half open is not open again
    assert find_blinks(ratio_T).a_minute == pytest.approx(20)
    ratio_T[34] = OPEN
    assert find_blinks(ratio_T).a_minute == pytest.approx(40)


def test_eyes_that_rest_do_not_blink() -> None:
    assert find_blinks(eyes((10, 30))).a_minute == 0


def test_a_blink_at_the_clip_s_end_counts_without_a_duration() -> None:
    found = find_blinks(eyes((0, 2), (73, 75)))
    assert found.a_minute == pytest.approx(40)
    assert math.isnan(found.seconds)


def test_frames_without_a_face_do_not_count_as_time() -> None:
    ratio_T = eyes((10, 13), frames=100)
    ratio_T[50:75] = np.nan
    assert find_blinks(ratio_T).a_minute == pytest.approx(20)
    assert math.isnan(find_blinks(ratio_T[:20]).a_minute)
    assert math.isnan(find_blinks(np.full(75, np.nan)).a_minute)


@settings(max_examples=25, deadline=None)
@given(width=st.floats(0.3, 3), starts=st.sets(st.integers(0, 5), max_size=4))
def test_wide_and_narrow_eyes_blink_alike(width: float, starts: set[int]) -> None:
    ratio_T = width * eyes(*((12 * start + 2, 12 * start + 5) for start in starts))
    assert find_blinks(ratio_T).a_minute == pytest.approx(20 * len(starts))
