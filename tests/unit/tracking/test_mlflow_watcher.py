"""The watcher tells a training that was killed from one that has ended."""

import os

import pytest

from emotalk.tracking.mlflow_watcher import ENDED, last_line


def heard(said: bytes, training: int, *, is_held: bool) -> bytes:
    """Return the last line that is heard, with the pipe held open by another process or not."""
    hear, say = os.pipe()
    try:
        os.write(say, said)
        if not is_held:
            os.close(say)
        return last_line(hear, training)
    finally:
        os.close(hear)
        if is_held:
            os.close(say)


@pytest.mark.parametrize("said", [ENDED, b"run start\n" + ENDED])
def test_the_end_is_heard_though_another_process_holds_the_pipe(said: bytes) -> None:
    """As a forked loader worker does: the pipe never ends."""
    assert heard(said, os.getppid(), is_held=True) == ENDED


def test_a_training_that_was_killed_is_noticed_though_another_process_holds_the_pipe() -> None:
    another = os.getppid() + 1  # the parent is another process by now
    assert heard(b"run start\n", another, is_held=True) == b"run start\n"
    assert heard(b"", another, is_held=True) == b""


def test_a_word_that_was_said_just_before_the_end_is_heard() -> None:
    assert heard(b"run start\n" + ENDED, os.getppid() + 1, is_held=True) == ENDED


def test_a_pipe_that_ends_without_a_word_is_a_training_that_was_killed() -> None:
    assert heard(b"a start\nrun start\n", os.getppid(), is_held=False) == b"run start\n"
    assert heard(b"", os.getppid(), is_held=False) == b""
