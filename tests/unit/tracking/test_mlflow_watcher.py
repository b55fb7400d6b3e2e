"""The watcher tells a training that was killed from one that has ended."""

import os
import signal
import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import mlflow
import pytest

from emotalk.tracking import mlflow_watcher as module
from emotalk.tracking.mlflow_watcher import ENDED, START_TAG, last_line


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


class Server:
    """Knows one run."""

    status, start = "RUNNING", "this"
    asked: ClassVar[list[str]] = []

    def get_run(self, run_id: str) -> Any:
        self.asked.append(run_id)
        if run_id == "unknown":
            raise ConnectionError("http://anna:secret@server")
        tags = {START_TAG: self.start}
        return SimpleNamespace(
            info=SimpleNamespace(status=self.status), data=SimpleNamespace(tags=tags)
        )

    def set_terminated(self, run_id: str, status: str) -> None:
        self.asked.append(f"{run_id} {status}")


@pytest.mark.parametrize(
    ("told", "status", "start", "asked"),
    [
        (b"run this\n", "RUNNING", "this", ["run", "run FAILED"]),
        (b"run this\n", "FINISHED", "this", ["run"]),
        (b"run this\n", "RUNNING", "a later one", ["run"]),
        (b"unknown this\n", "RUNNING", "this", ["unknown"]),
        (ENDED, "RUNNING", "this", []),
        (b"", "RUNNING", "this", []),
    ],
    ids=["killed", "closed already", "started again", "server away", "ended", "never known"],
)
def test_only_the_run_of_a_killed_training_that_was_not_started_again_is_closed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    told: bytes,
    status: str,
    start: str,
    asked: list[str],
) -> None:
    heard: list[tuple[int, int]] = []

    def hear(commands: int, training: int) -> bytes:
        heard.append((commands, training))
        return told

    ignored: list[tuple[int, object]] = []
    monkeypatch.setattr(module, "last_line", hear)
    monkeypatch.setattr(sys, "argv", ["watcher", "77"])
    monkeypatch.setattr(signal, "signal", lambda *words: ignored.append(words))
    monkeypatch.setattr(signal, "alarm", lambda seconds: None)
    monkeypatch.setattr(mlflow, "MlflowClient", Server)
    monkeypatch.setattr(Server, "status", status)
    monkeypatch.setattr(Server, "start", start)
    monkeypatch.setattr(Server, "asked", [])
    module.main()
    assert Server.asked == asked
    assert heard == [(0, 77)]
    assert {number for number, _ in ignored} == {signal.SIGTERM, signal.SIGUSR1, signal.SIGINT}
    assert "secret" not in capsys.readouterr().err
