"""Speed and waits are those of a clock that the test sets."""

from collections.abc import Iterator
from unittest import mock

import pytest

from emotalk.training import speed
from emotalk.training.speed import Speed


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with mock.patch.object(speed, "time", clock):
        yield clock


def test_pauses_are_left_out_and_waits_are_shares(clock: Clock) -> None:
    measured = Speed()
    with measured.waiting():
        clock.now += 2.0
    measured.add(4, 100, "initialise")
    measured.add(2, 50, "gan")
    with measured.paused():
        clock.now += 30.0
    clock.now += 6.0
    measured.held_s += 0.5
    interval = measured.read()
    figures = interval.figures
    assert interval.clips == {"initialise": 4, "gan": 2}
    assert (interval.steps, interval.seconds, interval.waited_s) == (2, 8.0, 2.0)
    assert figures["speed/step_s"] == pytest.approx(4.0)
    assert figures["speed/clips_per_s"] == pytest.approx(6 / 8)
    assert figures["speed/frames_per_s"] == pytest.approx(150 / 8)
    assert figures["speed/video_seconds_per_s"] == pytest.approx(150 / 25 / 8)
    assert figures["speed/data_wait_share"] == pytest.approx(2 / 8)
    assert figures["speed/checkpoint_s"] == 0.5
    assert 0.01 < figures["memory/process_gib"] < 100


def test_a_reading_begins_anew(clock: Clock) -> None:
    measured = Speed()
    measured.add(4, 100, "initialise")
    with measured.waiting(), measured.paused():
        clock.now += 1.0
    measured.held_s = 2.0
    measured.read()
    clock.now += 4.0
    measured.add(1, 25, "gan")
    interval = measured.read()
    figures = interval.figures
    assert (interval.steps, interval.clips) == (1, {"gan": 1})
    assert figures["speed/clips_per_s"] == pytest.approx(1 / 4)
    assert figures["speed/data_wait_share"] == 0.0
    assert figures["speed/checkpoint_s"] == 0.0


def test_waits_are_counted_though_what_was_waited_for_fails(clock: Clock) -> None:
    measured = Speed()

    def nothing_left() -> None:
        with measured.waiting():
            clock.now += 3.0
            raise StopIteration

    with pytest.raises(StopIteration):
        nothing_left()
    clock.now += 1.0
    assert measured.read().figures["speed/data_wait_share"] == pytest.approx(3 / 4)
