"""A signal while a run starts: the process ends at once, with the code and the word for it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emotalk.runs import signals as module
from emotalk.runs.folder import hold_run_folder
from emotalk.runs.signals import (
    PASSED_ON_BY,
    StopSignals,
    named_run_dir,
)
from emotalk.runs.status import CONFIG, write_end, write_status
from tests.helpers.tiny_training import ROOT

LISTEN = """
import sys, time
from pathlib import Path
from emotalk.runs.signals import StopSignals
signals = StopSignals(Path(sys.argv[1]))
signals.install()
"""
# Waits in C without coming back to the interpreter, as an import or a process group does: the
# signal finds another thread, or the sleep would be over.
BLOCKED = """
import ctypes, signal
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1))
print('ready', flush=True)
ctypes.CDLL(None).sleep(30)
"""
REMEMBERS = """
signals.defer()
print('ready', flush=True)
deadline = time.monotonic() + 30
while not signals.received and time.monotonic() < deadline:
    time.sleep(0.01)
print(signals.name)
"""


def signalled(
    body: str, run_dir: Path, number: signal.Signals, **environment: str
) -> tuple[int, str]:
    """Return exit code and output of a process that got a signal once it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN + body, str(run_dir)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    rest = process.stdout.read()
    return process.wait(), rest


def status(run_dir: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_starting_process_ends_at_once_even_inside_c_code(
    tmp_path: Path, number: signal.Signals
) -> None:
    code, _ = signalled(BLOCKED, tmp_path / "run", number)
    assert code == 85
    said = status(tmp_path / "run")
    assert (said["state"], said["code"]) == ("preempted", 85)
    assert number.name in str(said["message"])


def test_only_the_first_rank_writes_the_status(tmp_path: Path) -> None:
    code, _ = signalled(BLOCKED, tmp_path / "run", signal.SIGTERM, RANK="1")
    assert code == 85
    assert not (tmp_path / "run").exists()


def test_a_training_process_remembers_the_signal_and_goes_on(tmp_path: Path) -> None:
    assert signalled(REMEMBERS, tmp_path / "run", signal.SIGUSR1) == (0, "SIGUSR1\n")
    assert not (tmp_path / "run").exists()


# Trains, but its main thread hangs in C and never comes to ask.
TRAINS = "signals.defer()\n" + BLOCKED


def ended_by(run_dir: Path, *signals: signal.Signals, **environment: str) -> int | None:
    """Return the code of a training that got the signals one after the other; None: it goes on."""
    clean = {name: value for name, value in os.environ.items() if name not in PASSED_ON_BY}
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN + TRAINS, str(run_dir)],
        cwd=ROOT, env=clean | environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in signals:
            time.sleep(0.3)  # two of one number that wait together are one
            process.send_signal(number)
        return process.wait(timeout=0.7)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()


def test_a_second_sigterm_ends_a_training_at_once_even_inside_c_code(tmp_path: Path) -> None:
    assert ended_by(tmp_path, signal.SIGTERM, signal.SIGTERM) == 128 + 15
    said = status(tmp_path)
    assert (said["state"], said["code"]) == ("failed", 1)
    assert "second SIGTERM" in str(said["message"])


@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM,), (signal.SIGUSR1, signal.SIGTERM), (signal.SIGUSR1,) * 2]
)
def test_a_warning_before_the_end_is_no_second_sigterm(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    assert ended_by(tmp_path, *signals) is None
    assert not (tmp_path / "status.json").exists()


def test_what_a_launcher_passes_on_is_no_second_sigterm(tmp_path: Path) -> None:
    twice = (signal.SIGTERM, signal.SIGTERM)
    assert ended_by(tmp_path, *twice, TORCHELASTIC_RUN_ID="none") is None


def test_a_refused_command_that_its_launcher_ends_was_no_run(tmp_path: Path) -> None:
    assert signalled("signals.exit_as_refused()\n" + BLOCKED, tmp_path, signal.SIGTERM)[0] == 2
    assert not (tmp_path / "status.json").exists()


def test_train_py_listens_before_its_imports(tmp_path: Path) -> None:
    """Signalled as soon as it catches signals at all, which the kernel tells."""
    run_dir = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "train.py", "configs/train/demo.yaml", "shards=x", f"run_dir={run_dir}"],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not _catches(process.pid, signal.SIGUSR1):
        assert time.monotonic() < deadline
        assert process.poll() is None
    mapped = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 85
    assert "libtorch" not in mapped, "torch was loaded before the handlers were there"
    assert status(run_dir)["state"] == "preempted"


def _catches(pid: int, number: signal.Signals) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_run_that_another_process_trains_keeps_its_status(tmp_path: Path) -> None:
    write_status(tmp_path, "running", "training")
    (tmp_path / CONFIG).touch()
    before = (tmp_path / "status.json").read_bytes()
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from emotalk.runs.status import write_end\n"
        "write_end(Path(sys.argv[1]), 'preempted', 'a signal')"
    )
    lock = hold_run_folder(tmp_path)
    try:
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
        assert (tmp_path / "status.json").read_bytes() == before
    finally:
        lock.release()
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert status(tmp_path)["state"] == "preempted"


def test_a_folder_that_holds_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    write_end(tmp_path, "preempted", "a signal")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (["c.yaml", "run_dir=a", "run_dir=b"], Path("b")),
        (["c.yaml", "shards=a"], None),
        (["c.yaml", "run_dir=a", "--dry-run"], None),
        (["c.yaml", "run_dir=a", "--print-config"], None),
    ],
)
def test_the_run_folder_is_read_from_the_command_line(
    words: list[str], folder: Path | None
) -> None:
    assert named_run_dir(words) == folder


def test_listening_twice_changes_nothing() -> None:
    before = {number: signal.getsignal(number) for number in module.SIGNALS}
    one = StopSignals()
    try:
        one.install()
        handlers = [signal.getsignal(number) for number in module.SIGNALS]
        one.install()
        assert [signal.getsignal(number) for number in module.SIGNALS] == handlers
        one.defer()
        signal.raise_signal(signal.SIGUSR1)
        assert (one.received, one.name) == (True, "SIGUSR1")
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
