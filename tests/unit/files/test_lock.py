"""One job for one output: on this machine by flock, on others by signs of life."""

import errno
import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.files import lock
from emotalk.files.lock import held
from etl.job.run import own_output

ELSEWHERE = {"host": "far-away", "pid": 4711, "since": "2026-01-02 03:04:05"}


def left_behind(folder: Path, *, age_s: float) -> Path:
    """Write the lock file of a job on another machine, last touched so long ago."""
    path = folder / ".work" / "lock"
    path.parent.mkdir()
    path.write_text(json.dumps(ELSEWHERE))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)


def test_a_second_job_is_refused_and_told_who_holds_the_output(tmp_path: Path) -> None:
    with own_output(tmp_path):
        with (
            pytest.raises(WrongUse, match=rf"another job .* process {os.getpid()}, since 20"),
            own_output(tmp_path),
        ):
            raise AssertionError("two jobs hold one output")
        assert (tmp_path / ".work" / "lock").exists(), "the refused job leaves the lock alone"


def test_nothing_is_left_of_a_job_that_kept_nothing(tmp_path: Path) -> None:
    with own_output(tmp_path / "new"):
        pass
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_job_on_another_machine_is_believed_while_it_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    path = left_behind(tmp_path, age_s=lock.SILENT_S - 20)
    if not has_locks:
        without_locks(monkeypatch)
    with (
        pytest.raises(WrongUse, match=r"far-away, process 4711.* 4\d s old: .*after 60 s"),
        held(path),
    ):
        raise AssertionError("two machines hold one output")
    assert json.loads(path.read_text()) == ELSEWHERE


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_job_that_died_on_another_machine_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_locks: bool
) -> None:
    path = left_behind(tmp_path, age_s=lock.SILENT_S + 20)
    if not has_locks:
        without_locks(monkeypatch)
    with held(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_the_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_S", 0.02)
    path = left_behind(tmp_path, age_s=1000)
    with held(path):
        os.utime(path, (1.0, 1.0))
        until = time.monotonic() + 30
        while path.stat().st_mtime == 1.0:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_lock_file_that_its_last_holder_just_removed_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a third job would find no file, make a new one, and hold that."""
    path = tmp_path / "lock"
    taken: list[int] = []
    real = fcntl.flock

    def slow(file: int, how: int) -> None:
        if not taken:
            path.unlink()
        taken.append(file)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with held(path):
        assert len(taken) == 2
        assert path.exists()
