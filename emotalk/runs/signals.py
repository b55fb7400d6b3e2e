"""Signals that ask a run to save itself and leave, heard from the first line of train.py on.

Two phases. Until the first step there is nothing to save: a signal ends the process at once, even
while its main thread imports libraries or waits for other processes. From then on it is remembered,
and the training loop asks between steps; a second SIGTERM ends the process at once, whatever its
main thread waits for. Only the standard library is imported here.
"""

import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from emotalk.errors import EXIT_PREEMPTED, EXIT_WRONG_USE
from emotalk.runs.status import NAME, write_status

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
LOCK, CONFIG = ".lock", "config.yaml"  # of the run folder
# Slurm and launchers each tell every process of a job: theirs is the same wish, come twice.
REPEATED_S = 10.0
PASSED_ON_BY = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID")
ENDED_BY_SIGTERM = 128 + signal.SIGTERM
WITHOUT_A_RUN = ("--dry-run", "--print-config", "--help", "-h")


class Preemption:
    """Ends the process on a signal while it starts, remembers the first signal afterwards."""

    def __init__(self, run_dir: Path | None = None) -> None:
        """Take the folder whose `status.json` says that a starting run was ended, if known."""
        self.name = ""
        self.run_dir = run_dir
        self._wake: socket.socket | None = None
        self._trains = False
        self._code = EXIT_PREEMPTED  # of a process that is ended while it starts
        self._first_term = 0.0  # when the training was first told to end

    def listen(self) -> None:
        """Catch SIGTERM and SIGUSR1 from now on, as a process that starts."""
        if self._wake is not None:
            return
        hear, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        # The interpreter writes a signal's number there at once. Its handlers in Python wait until
        # the main thread comes back from the C code of an import or of a process group.
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._end_on_signal, args=(hear,), daemon=True).start()
        for number in SIGNALS:
            signal.signal(number, self._remember)

    def remember(self) -> None:
        """Only remember the first signal from now on: training begins, and asks for itself."""
        self._trains = True

    def refuse(self) -> None:
        """End by a signal as a command that was refused does: it was no run, nobody preempts it."""
        self._trains, self._code = False, EXIT_WRONG_USE
        for number in SIGNALS:
            signal.signal(number, lambda *_: os._exit(EXIT_WRONG_USE))

    @property
    def asked(self) -> bool:
        """Return whether a signal has come."""
        return bool(self.name)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.name = self.name or signal.Signals(number).name

    def _end_on_signal(self, hear: socket.socket) -> None:
        with hear:
            while numbers := hear.recv(64):
                for number in numbers:
                    if number in SIGNALS:
                        self._hear(signal.Signals(number))

    def _hear(self, number: signal.Signals) -> None:
        if not self._trains:
            self._leave(number.name)
        elif number == signal.SIGTERM and self._first_term == 0.0:
            self._first_term = time.monotonic()
        elif number == signal.SIGTERM and not self._is_repeated():
            self._end_at_once()

    def _is_repeated(self) -> bool:
        """Return whether this SIGTERM may be a repetition of the first one by a launcher."""
        passed_on = any(name in os.environ for name in PASSED_ON_BY)
        return passed_on and time.monotonic() - self._first_term < REPEATED_S

    def _end_at_once(self) -> None:
        if self.run_dir is not None and os.environ.get("RANK", "0") == "0":
            with suppress(OSError):
                write_status(
                    self.run_dir,
                    "failed",
                    "a second SIGTERM came before a checkpoint was saved: ended at once; the same "
                    "command goes on from the last checkpoint",
                )
        os._exit(ENDED_BY_SIGTERM)

    def _leave(self, name: str) -> None:
        """End this process; its run was at the beginning or at a checkpoint, nothing is lost."""
        is_first = os.environ.get("RANK", "0") == "0"
        if self._code == EXIT_PREEMPTED and is_first and self.run_dir is not None:
            say_preempted(self.run_dir, f"{name} came before the first step: start it again")
        os._exit(self._code)


def named_run_dir(words: Sequence[str]) -> Path | None:
    """Return the run folder that a command line names, if that command would write to it."""
    named = [word.removeprefix("run_dir=") for word in words if word.startswith("run_dir=")]
    return Path(named[-1]) if named and not set(words) & set(WITHOUT_A_RUN) else None


def say_preempted(run_dir: Path, message: str) -> None:
    """Write `status.json`, unless the folder is another process's or holds no run.

    What cannot be written is left unsaid: the exit code says the same.
    """
    try:
        known = not run_dir.exists() or not any(run_dir.iterdir())
        known = known or any((run_dir / name).exists() for name in (CONFIG, NAME, LOCK))
        if known and not _held_by_another(run_dir / LOCK):
            run_dir.mkdir(parents=True, exist_ok=True)
            write_status(run_dir, "preempted", message)
    except OSError:
        return


def _held_by_another(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False
