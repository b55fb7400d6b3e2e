"""Handle SIGTERM and SIGUSR1, which ask a run to save a checkpoint and exit.

Until the first step there is nothing to save: a signal ends the process at once, even while its
main thread imports libraries or waits for other processes. After that the handler sets a flag that
the training loop reads between steps, and a second SIGTERM ends the process at once. No third-party
library is imported here, because train.py installs the handlers before it imports torch.
"""

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
from emotalk.runs.status import write_end, write_status

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
# Slurm and the launcher both signal every process of a job: the second SIGTERM may be a copy.
REPEATED_S = 10.0
PASSED_ON_BY = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID")
ENDED_BY_SIGTERM = 128 + signal.SIGTERM
WITHOUT_A_RUN = ("--dry-run", "--print-config", "--help", "-h")


class StopSignals:
    """Exits on a signal during start-up; keeps the first signal for the training loop afterwards.

    Attributes:
        name: of the first signal received; empty before it.
        run_dir: run folder whose `status.json` is written on an exit, or None if unknown.
    """

    def __init__(self, run_dir: Path | None = None) -> None:
        self.name = ""
        self.run_dir = run_dir
        self._wake: socket.socket | None = None
        self._trains = False
        self._code = EXIT_PREEMPTED  # exit code during start-up
        self._first_term = 0.0  # time of the first SIGTERM during training

    def install(self) -> None:
        """Install the handlers for SIGTERM and SIGUSR1; a second call changes nothing."""
        if self._wake is not None:
            return
        hear, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        # The interpreter writes a signal's number to this socket at once. Handlers in Python run
        # only after the main thread returns from C code, such as an import or a process group.
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._end_on_signal, args=(hear,), daemon=True).start()
        for number in SIGNALS:
            signal.signal(number, self._keep)

    def defer(self) -> None:
        """Keep the first signal for the training loop from now on, instead of exiting."""
        self._trains = True

    def exit_as_refused(self) -> None:
        """Exit with the code of wrong use on the next signal, because the command was refused."""
        self._trains, self._code = False, EXIT_WRONG_USE
        for number in SIGNALS:
            signal.signal(number, lambda *_: os._exit(EXIT_WRONG_USE))

    @property
    def received(self) -> bool:
        """Return whether a signal was received."""
        return bool(self.name)

    def _keep(self, number: int, frame: FrameType | None) -> None:
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
        """Return whether this SIGTERM may be the launcher's copy of the first one."""
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
        """Exit before the first step of this start; the last checkpoint holds all progress."""
        is_first = os.environ.get("RANK", "0") == "0"
        if self._code == EXIT_PREEMPTED and is_first and self.run_dir is not None:
            with suppress(OSError):  # the exit code carries the same information
                write_end(
                    self.run_dir, "preempted", f"{name} came before the first step: start it again"
                )
        os._exit(self._code)


def named_run_dir(words: Sequence[str]) -> Path | None:
    """Return the run folder that a command line names, or None if the command writes nothing."""
    named = [word.removeprefix("run_dir=") for word in words if word.startswith("run_dir=")]
    return Path(named[-1]) if named and not set(words) & set(WITHOUT_A_RUN) else None
