"""Work is shared over processes, and all of them end together."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from emotalk.errors import Stopped, WrongUse
from emotalk.evaluation.processes import share


class Doer:
    """Says who did a task; `die` and `fail` are tasks of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, task: str) -> tuple[str, int]:
        (self.folder / str(os.getpid())).touch()
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "fail":
            raise WrongUse("emotion glee: the checkpoint does not know it")
        if task == "hang":
            time.sleep(600)
        while task == "both" and len(list(self.folder.iterdir())) < 2:
            time.sleep(0.01)
        return task.upper(), os.getpid()


def pids(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir()}


def test_every_task_is_done_once_by_both_processes(tmp_path: Path) -> None:
    tasks = ["both", "both", "c", "d", "e"]
    found = dict(share(partial(Doer, tmp_path), tasks, processes=2))
    assert {place: word for place, (word, _) in found.items()} == {
        0: "BOTH", 1: "BOTH", 2: "C", 3: "D", 4: "E",
    }  # fmt: skip
    assert {pid for _, pid in found.values()} == pids(tmp_path)
    assert len(pids(tmp_path)) == 2
    assert os.getpid() not in pids(tmp_path)
    assert not any(psutil.pid_exists(pid) for pid in pids(tmp_path))


def test_a_killed_process_ends_all_with_one_message(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(Stopped, match=r"died \(signal SIGKILL\).*fewer --processes"):
        list(share(partial(Doer, tmp_path), ["hang", "die"], processes=2))
    assert time.monotonic() - begun < 300, "nobody waited for the process that hangs"
    assert not any(psutil.pid_exists(pid) for pid in pids(tmp_path))


def test_an_error_in_a_process_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="emotion glee") as caught:
        list(share(partial(Doer, tmp_path), ["a", "fail", "b"], processes=1))
    assert any("in __call__" in note for note in caught.value.__notes__)


def test_who_stops_early_leaves_no_process(tmp_path: Path) -> None:
    """As Ctrl-C does: the exception leaves the loop, and the iterator is closed."""
    results = share(partial(Doer, tmp_path), ["a", "hang"], processes=1)
    assert next(results)[1][0] == "A"
    results.close()  # type: ignore[attr-defined]
    assert not any(psutil.pid_exists(pid) for pid in pids(tmp_path))


def broken_start() -> Doer:
    raise WrongUse("no model there")


def test_an_error_before_the_first_task_is_the_callers_error_too() -> None:
    with pytest.raises(WrongUse, match="no model there"):
        list(share(broken_start, ["a"], processes=1))
