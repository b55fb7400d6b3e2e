"""Upload a run folder's metrics and files to MLflow: the process `python -m` this module.

`MlflowTracker` starts it and writes two lines to its standard input: what to upload where, and at
the end how the run ended. It is a process and not a thread for two reasons. A training that is
killed must be marked as failed. And 1000 metrics cost MLflow a third of a second of Python, which a
thread would take from the training. What is not uploaded is sent by the next start of the run.
"""

import json
import logging
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from emotalk.files.lock import wait_for_lock
from emotalk.logging_setup import set_up_logging
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLinesReader, Line
from emotalk.tracking.mlflow import ARTIFACTS, FLUSH_S, RunFacts
from emotalk.tracking.mlflow_run import METRICS_A_CALL, MlflowRun

LOG = logging.getLogger("emotalk.mlflow")
POLL_S = 0.5  # between two looks at the files
LONGEST_WAIT_S = 60.0  # between two tries while no server answers
WARN_AGAIN_S = 3600.0  # between two warnings while no server answers
TRIES = 5  # of one upload that fails although the server answers, before it is left out
EXIT_LEFT_OVER = 1
Send = Callable[[MlflowRun, list[Line]], None]


class Ending:
    """The end of the run, reported by the training or detected when its process has ended."""

    def __init__(
        self, commands: BinaryIO, training: int, leave: Callable[[int], object] = os._exit
    ) -> None:
        """Listen to unbuffered `commands` of the parent `training`; `leave` ends this process."""
        self._commands, self._training, self._leave = commands, training, leave
        self.heard = threading.Event()
        self.state, self.deadline = "", float("inf")

    def watch(self) -> None:
        """Wait for the end; leave the process if it is still there when its time is up."""
        while not self.heard.is_set():
            self._listen()
        time.sleep(max(0.0, self.deadline - time.monotonic()) + 1.0)
        self._leave(EXIT_LEFT_OVER)  # the main thread waits for a server that never answers

    def end(self, state: str, seconds: float) -> None:
        """Set the run's final state and the seconds left to upload the rest."""
        self.state, self.deadline = state, time.monotonic() + seconds
        self.heard.set()

    def _listen(self) -> None:
        heard, _, _ = select.select([self._commands], [], [], POLL_S)
        line = self._commands.readline() if heard else b""
        if line:
            command = json.loads(line)
            self.end(str(command["finish"]), float(command["seconds"]))
        # A forked loader worker may keep the pipe open, so the parent is looked at too.
        elif heard or os.getppid() != self._training:
            self.end("failed", FLUSH_S["failed"])


class Uploader:
    """Uploads new lines of the run folder's files until the run has ended."""

    def __init__(self, connect: Callable[[], MlflowRun], folder: Path, ending: Ending) -> None:
        """Follow the files of `folder`; `connect` opens the run on the server."""
        self._connect, self._ending = connect, ending
        self._metrics = JsonLinesReader(folder / METRICS)
        self._files = JsonLinesReader(folder / ARTIFACTS)
        self._uploads: deque[tuple[Send, list[Line]]] = deque()  # read, not yet sent
        self._run: MlflowRun | None = None  # None: not connected
        self._failures = 0  # of the same upload, each after the server had answered
        self._tries, self._lost_at, self._warned_at = 0, 0.0, 0.0  # since contact was lost

    def work(self) -> bool:
        """Upload until the end; return whether everything was uploaded."""
        while time.monotonic() < self._ending.deadline:
            ended = self._ending.heard.is_set()  # first: all that was written before it is seen
            try:
                self._run = self._run or self._connect()
                if self._upload_next(self._run):
                    continue
                if ended:
                    self._run.end(self._ending.state)
                    return True
                self._ending.heard.wait(POLL_S)
            except Exception as error:  # noqa: BLE001  no fault of a server may end the uploader
                wait_s = self._note(error)
                if ended or self._ending.heard.wait(wait_s):
                    time.sleep(POLL_S)
        return False

    def _upload_next(self, run: MlflowRun) -> bool:
        """Upload the next metrics, else the next file; return whether there was any."""
        if not self._uploads:
            self._read()
        found = bool(self._uploads)
        if found:
            send, lines = self._uploads[0]
            send(run, lines)
            self._uploads.popleft()
        if self._lost_at:
            LOG.info("MLflow answers again after %.0f s", time.monotonic() - self._lost_at)
        self._failures, self._tries, self._lost_at, self._warned_at = 0, 0, 0.0, 0.0
        return found

    def _read(self) -> None:
        """Queue lines of about `METRICS_A_CALL` metrics; without any, the next file."""
        lines: list[Line] = []
        while sum(map(len, lines)) < METRICS_A_CALL and (line := self._metrics.next()) is not None:
            lines.append(line)
        if lines:
            self._uploads.append((lambda run, lines: run.send_metrics(lines), lines))
        elif (file := self._files.next()) is not None:
            self._uploads.append((lambda run, lines: run.send_files(lines), [file]))

    def _note(self, error: Exception) -> float:
        """Warn, leave out what a server refuses again and again, return the seconds to wait."""
        now = time.monotonic()
        self._failures += self._run is not None
        self._tries += 1
        self._run = None
        self._lost_at = self._lost_at or now
        if not self._warned_at or now - self._warned_at > WARN_AGAIN_S:
            self._warned_at = now
            first_line = (str(error).splitlines() or [""])[0][:300]
            LOG.warning("MLflow: %s: %s; trying again", type(error).__name__, first_line)
        if self._failures >= TRIES and self._uploads:
            self._leave_out(error)
        return min(2.0 ** min(self._tries, 6), LONGEST_WAIT_S)

    def _leave_out(self, error: Exception) -> None:
        """Drop the upload that failed; of several lines send each by itself first."""
        self._failures = 0
        send, lines = self._uploads.popleft()
        if len(lines) > 1:
            self._uploads.extendleft((send, [line]) for line in reversed(lines))
        else:
            LOG.error("MLflow will not take this, left out there", exc_info=error)


def main() -> int:
    """Read the run from standard input, upload its files, and return 0 if nothing is left."""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # meant for the training, which ends this process
    set_up_logging()
    commands = open(0, "rb", buffering=0)  # noqa: SIM115  unbuffered, for `select`
    begin: dict[str, Any] = json.loads(commands.readline())
    folder, facts = Path(begin["folder"]), RunFacts(**begin["facts"])
    ending = Ending(commands, begin["training"])
    threading.Thread(target=ending.watch, name="ending", daemon=True).start()
    uploader = Uploader(
        lambda: MlflowRun(facts=facts, folder=folder, **begin["run"]), folder, ending
    )
    with wait_for_lock(folder / ".mlflow.lock"):  # the uploader of a killed training may be left
        return 0 if uploader.work() else EXIT_LEFT_OVER


if __name__ == "__main__":
    sys.exit(main())
