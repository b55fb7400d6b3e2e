"""Missing and wrong time stamps are estimated from their neighbours."""

import numpy as np
import pytest

from emotalk.media.timestamp_repair import repair_timestamps


def test_times_that_rise_stay_as_they_are() -> None:
    stamps = [0, 33, 67, 100, 400, 420, 440, 500, 501, 900]
    assert repair_timestamps(stamps, nominal=None) == stamps


@pytest.mark.parametrize("hole", [0, 1, 7, 18, 19])
def test_a_single_hole_in_a_constant_rate_is_filled_exactly(hole: int) -> None:
    true = [3600 * n for n in range(20)]
    known: list[int | None] = [None if n == hole else stamp for n, stamp in enumerate(true)]
    assert repair_timestamps(known, nominal=3600) == true
    assert repair_timestamps(known, nominal=None) == true


def test_times_on_every_second_picture_are_enough() -> None:
    true = [3600 * n for n in range(75)]
    known = [None if n % 2 else stamp for n, stamp in enumerate(true)]
    assert repair_timestamps(known, nominal=3600) == true


def test_a_hole_in_a_variable_rate_lies_half_way() -> None:
    assert repair_timestamps([0, 40, None, 300, 700, 710], nominal=40) == [
        0,
        40,
        170,
        300,
        700,
        710,
    ]


def test_of_two_frames_with_one_time_the_steps_stay_even() -> None:
    later_is_wrong = [0, 40, 80, 80, 160, 240, 320, 400]  # true: 120
    assert repair_timestamps(later_is_wrong, nominal=None)[3] == 120
    earlier_is_wrong = [0, 80, 160, 280, 280, 320, 360, 400]  # true: 240
    assert repair_timestamps(earlier_is_wrong, nominal=None)[3] == 220


def test_a_time_far_off_is_not_believed() -> None:
    stamps = [0, 40, 80, 2**40, 160, 200, 240]
    assert repair_timestamps(stamps, nominal=None)[3] == 120
    stamps = [0, 40, 80, -(2**40), 160, 200, 240]
    assert repair_timestamps(stamps, nominal=None)[3] == 120


def test_a_program_stream_s_misplaced_times_are_counted_through() -> None:
    """The time of a packet goes to the frame after the one that begins in it."""
    true = [3600 * n for n in range(40)]
    misplaced = [*true[:9], *true[10:20], true[19], *true[20:]]
    assert len(misplaced) == 40
    np.testing.assert_allclose(repair_timestamps(misplaced, nominal=3600), true)


def test_a_frame_that_was_dropped_is_not_counted() -> None:
    stamps = [40 * n for n in range(30) if n != 12]
    holed = [None if n == 20 else stamp for n, stamp in enumerate(stamps)]
    assert repair_timestamps(holed, nominal=40) == stamps


@pytest.mark.parametrize(
    "stamps",
    [
        [None] * 10,
        [0, *[None] * 9],
        [40 * n for n in range(5)] * 5,  # the clock is set anew again and again
        [0, 40, None, None, 1000, 1040, 1080],  # more than one, and no constant rate
    ],
)
def test_times_that_cannot_be_known_are_refused(stamps: list[int | None]) -> None:
    with pytest.raises(ValueError, match="no time of their own"):
        repair_timestamps(stamps, nominal=40)


def test_every_repair_rises_and_keeps_what_was_known() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        count = int(rng.integers(3, 60))
        true = np.cumsum(rng.integers(1, 80, count)).tolist()
        stamps = [None if rng.random() < 0.1 else stamp for stamp in true]
        try:
            times = repair_timestamps(stamps, nominal=None)
        except ValueError:
            continue
        assert (np.diff(times) > 0).all()
        assert all(known in (None, time) for known, time in zip(stamps, times, strict=True))
