"""A process without progress ends with a code of its own, after it has said where it stands."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from emotalk.training.watchdog import Phase, Watchdog

LIMITS: dict[Phase, float] = {"setup": 40, "step": 10, "validation": 30, "checkpoint": 20}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def limits_seen(clock: Clock, steps: Callable[[Watchdog], None]) -> list[float]:
    """Return the limit that holds after each call of `enter` and at the ends of phases."""
    dog = Watchdog(LIMITS, hung=lambda _: None)
    seen: list[float] = []
    begin = dog._begin

    def told(phase: Phase, limit: float) -> None:
        seen.append(limit)
        begin(phase, limit)

    with mock.patch.object(dog, "_begin", told):
        steps(dog)
    return seen


def test_the_step_after_another_phase_waits_for_processes_that_are_still_in_it(
    clock: Clock,
) -> None:
    def steps(dog: Watchdog) -> None:
        dog.enter("step")  # others may still be setting up
        dog.enter("step")
        with dog.phase("checkpoint"):
            pass
        dog.enter("step")  # the first process may still be writing
        dog.enter("step")

    assert limits_seen(clock, steps) == [40, 10, 20, 20, 20, 10]


def test_validation_and_checkpoint_of_one_step_both_count(clock: Clock) -> None:
    def steps(dog: Watchdog) -> None:
        dog.enter("step")
        dog.enter("step")
        with dog.phase("validation"):
            pass
        with dog.phase("checkpoint"):
            pass
        dog.enter("step")

    assert limits_seen(clock, steps) == [40, 10, 30, 30, 30, 30, 30]


def test_no_limit_is_none(clock: Clock) -> None:
    dog = Watchdog({**LIMITS, "step": 0}, hung=lambda _: None)
    dog.enter("step")
    assert dog._limit == float("inf")


def stuck_here(release: threading.Event) -> None:
    release.wait(10)


def test_a_hang_is_written_down_with_every_stack_and_ends_with_86(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    ended = threading.Event()
    codes: list[int] = []
    messages: list[str] = []

    def leave(code: int) -> None:
        codes.append(code)
        ended.set()

    dog = Watchdog(
        {**LIMITS, "step": 0.2, "setup": 0.1},
        hung=messages.append,
        leave=leave,
        grace_s=0.1,
        poll_s=0.05,
    )
    with (tmp_path / "rank.log").open("a+", encoding="utf-8") as file:
        dog.write_stacks_to(file)
        dog.enter("step")
        dog.enter("step")
        dog.start()
        other = threading.Event()
        thread = threading.Thread(target=stuck_here, args=(other,))
        thread.start()
        stuck_here(ended)
        other.set()
        thread.join()
        dog.stop()
        stacks = (tmp_path / "rank.log").read_text()
    assert codes == [86]
    assert "phase step (runtime.watchdog.step_s)" in messages[0]
    assert stacks.count("stuck_here") == 2, "of both threads"
    assert "Thread 0x" in stacks


def test_progress_keeps_a_process_alive() -> None:
    codes: list[int] = []
    dog = Watchdog(
        {**LIMITS, "step": 0.4, "setup": 0.4},
        hung=lambda _: None,
        leave=codes.append,
        grace_s=0.0,
        poll_s=0.02,
    )
    dog.start()
    for _ in range(12):
        time.sleep(0.1)
        dog.enter("step")
    dog.stop()
    assert codes == []
