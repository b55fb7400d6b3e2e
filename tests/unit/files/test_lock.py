"""One process holds a lock: on this machine by flock, on others by signs of life."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.files import lock
from emotalk.files.lock import (
    hold_with_heartbeat,
    is_held_by_another,
    own_lock,
    read_holder,
    take_lock,
    wait_for_lock,
)
from etl.job.output import lock_output

ROOT = Path(__file__).parents[3]
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
    with lock_output(tmp_path):
        with (
            pytest.raises(WrongUse, match=rf"another job .* process {os.getpid()}, since 20"),
            lock_output(tmp_path),
        ):
            raise AssertionError("two jobs hold one output")
        assert (tmp_path / ".work" / "lock").exists(), "the refused job leaves the lock alone"


def test_nothing_is_left_of_a_job_that_kept_nothing(tmp_path: Path) -> None:
    with lock_output(tmp_path / "new"):
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
        hold_with_heartbeat(path, "in use"),
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
    with hold_with_heartbeat(path, "in use"):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_the_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_S", 0.02)
    path = left_behind(tmp_path, age_s=1000)
    with hold_with_heartbeat(path, "in use"):
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
    with hold_with_heartbeat(path, "in use"):
        assert len(taken) == 2
        assert path.exists()


def test_a_forked_process_does_not_keep_the_lock_of_a_dead_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import multiprocessing, os, sys, time\nfrom pathlib import Path\n"
        "from emotalk.files.lock import take_lock\n"
        "assert take_lock(Path(sys.argv[1])) is not None\n"
        "worker = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))\n"
        "worker.start()\nprint(worker.pid, flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        try:
            assert is_held_by_another(path)
            process.kill()
            process.wait()
            deadline = time.monotonic() + 60
            while is_held_by_another(path):  # until the forked one is run for the first time
                assert time.monotonic() < deadline, "the forked one keeps the lock"
                time.sleep(0.02)
            assert Path(f"/proc/{worker}").exists(), "the forked one lives on"
        finally:
            process.kill()
            os.kill(worker, signal.SIGKILL)


def test_a_process_knows_its_own_lock_and_keeps_it_when_it_asks(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert own_lock(path) is None
    lock = take_lock(path)
    assert lock is not None
    lock.sign()
    assert not is_held_by_another(path)
    assert own_lock(path) is lock
    assert take_lock(path) is None
    assert str(read_holder(path)) == f"process {os.getpid()} on {socket.gethostname()}"
    lock.release()
    assert own_lock(path) is None
    path.unlink()
    with wait_for_lock(path):
        assert own_lock(path) is not None
        assert read_holder(path).pid == os.getpid()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 1}', "process 7 on a-machine"])
def test_a_holder_that_did_not_sign_is_another_process(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lock"
    path.write_text(content)
    assert str(read_holder(path)) == "another process"
    assert not read_holder(path).is_on_another_machine


RECORD_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "a+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_record_lock_as_earlier_versions_take_it_is_respected(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", RECORD_LOCK, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert take_lock(path) is None
        assert is_held_by_another(path)
        holder.communicate("")
    taken = take_lock(path)
    assert taken is not None
    taken.release()
