"""A node that Ray gave up for slowness is started again, and nothing of it is left."""

import logging
import subprocess
import sys

import psutil
import pytest

from etl.node_start import TRIES, start_node

SLOW = Exception("The current node timed out during startup. This could happen because ...")


class Start:
    """Fails the first times, leaving a process, then succeeds."""

    def __init__(self, failures: int, error: Exception = SLOW) -> None:
        self.failures, self.error = failures, error
        self.calls = 0
        self.left: list[subprocess.Popen[bytes]] = []

    def __call__(self) -> None:
        """Start a process that stays, and fail if it is one of the first times."""
        self.calls += 1
        words = [sys.executable, "-c", "import time; time.sleep(600)"]
        self.left.append(subprocess.Popen(words))
        if self.calls <= self.failures:
            raise self.error


def ended(start: Start) -> list[bool]:
    """Return which of the processes have ended, and end the others."""
    found = [not psutil.pid_exists(process.pid) for process in start.left]
    for process in start.left:
        process.kill()
        process.wait()
    return found


def test_a_node_that_timed_out_is_started_again_without_what_it_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    start = Start(failures=2)
    with caplog.at_level(logging.WARNING):
        start_node(start)
    assert ended(start) == [True, True, False]
    assert [line.message for line in caplog.records] == [
        f"ray: no node came up here, try {tried} of {TRIES}: again" for tried in (1, 2)
    ]


def test_after_the_last_try_rays_own_error_is_raised_with_what_to_do() -> None:
    start = Start(failures=99)
    with pytest.raises(Exception, match="timed out during startup") as raised:
        start_node(start)
    assert start.calls == TRIES
    assert raised.value is SLOW
    assert "too busy" in raised.value.__notes__[0]
    ended(start)


def test_another_error_is_raised_at_once() -> None:
    start = Start(failures=9, error=ConnectionError("no cluster there"))
    with pytest.raises(ConnectionError):
        start_node(start)
    assert start.calls == 1
    ended(start)
