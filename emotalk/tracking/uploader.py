"""The process that brings a run folder's figures and files to MLflow: `python -m` this module.

Started by `MlflowTracker`, told on standard input where to and, at the end, how the run ended. Its
own process, because a thousand figures cost MLflow a third of a second of Python (SQLite), which a
thread would take from the training. When standard input ends without a word, the training was
killed: the run is marked failed. Nothing that is not delivered is lost: the next start of the same
run delivers it.
"""

import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotalk.logging_setup import set_up_logging
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.mlflow import ARTIFACTS, FLUSH_S, RunFacts
from emotalk.tracking.mlflow_run import METRICS_A_CALL, MlflowRun
from emotalk.tracking.queue_file import Line, Outbox

LOG = logging.getLogger("emotalk.mlflow")
POLL_S = 0.5  # between two looks at the files
LONGEST_WAIT_S = 60.0  # between two tries while no server answers
SAY_AGAIN_S = 3600.0  # between two words about one that does not
TRIES = 5  # of one delivery that fails while the server answers, before it is left out
EXIT_LEFT_OVER = 1


class Ending:
    """The run's final state, once it has ended; a thread reads it from standard input."""

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        """Begin before the end.

        Args:
            leave: ends this process with a code, whatever its other threads do.
        """
        self.heard, self._leave = threading.Event(), leave
        self.state, self._deadline = "failed", float("inf")

    def listen(self) -> None:
        """Wait for the last word in a thread; leave this process by force when time is up."""
        threading.Thread(target=self._listen, name="ending", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Return whether there is no time left."""
        return time.monotonic() > self._deadline

    def end(self, state: str, seconds: float) -> None:
        """Let the run have ended as `state`, with so much time to deliver the rest."""
        self.state, self._deadline = state, time.monotonic() + seconds
        self.heard.set()

    def _listen(self) -> None:
        state, seconds = "failed", FLUSH_S["failed"]
        text = sys.stdin.readline()  # the last word, or the end of a training that was killed
        if text:
            word = json.loads(text)
            state, seconds = str(word["finish"]), float(word["seconds"])
        self.end(state, seconds)
        time.sleep(seconds + 1.0)
        self._leave(EXIT_LEFT_OVER)  # a server that accepts and never answers holds the main thread


class Courier:
    """Delivers line by line until the run has ended and nothing is left."""

    def __init__(self, run: MlflowRun, folder: Path, ending: Ending) -> None:
        """Follow the files of `folder`."""
        self._run, self._ending = run, ending
        self._figures, self._files = Outbox(folder / METRICS), Outbox(folder / ARTIFACTS)
        self._batches: deque[list[Line]] = deque()  # taken from the file, not yet delivered
        self._failures = 0  # of the same delivery, each after the server had answered
        self._tries, self._lost_since, self._said = 0, 0.0, 0.0  # since contact was lost

    def work(self) -> bool:
        """Deliver until the end; return whether everything was."""
        while not self._ending.is_over:
            ended = self._ending.heard.is_set()  # asked first: all that was written is seen then
            try:
                if not self._run.is_open:
                    self._run.open()
                delivered = self._deliver()
                if not delivered and ended:
                    self._run.end(self._ending.state)
                    return True
            except Exception as error:  # noqa: BLE001  a server's fault is never the end of it
                self._wait_after(error)
                continue
            self._recover()
            if not delivered:
                self._ending.heard.wait(POLL_S)
        return False

    def _deliver(self) -> bool:
        """Deliver what comes next, figures before files; return whether there was anything."""
        if not self._batches and self._figures.first() is not None:
            self._batches.append(self._take())
        if self._batches:
            self._run.send_figures(self._batches[0])
            self._batches.popleft()
            return True
        file = self._files.first()
        if file is None:
            return False
        self._run.send_file(Path(file["path"]), file["folder"])
        self._files.done()
        return True

    def _take(self) -> list[Line]:
        """Return the next lines, as many as one call holds."""
        batch: list[Line] = []
        figures = 0
        while (line := self._figures.first()) is not None:
            figures += len(line)
            if batch and figures > METRICS_A_CALL:
                break
            batch.append(line)
            self._figures.done()
        return batch

    def _wait_after(self, error: Exception) -> None:
        """Say what happened, once; leave out what a server that answers will not take; wait."""
        self._failures += self._run.is_open
        self._run.close()
        now = time.monotonic()
        self._tries += 1
        self._lost_since = self._lost_since or now
        if not self._said or now - self._said > SAY_AGAIN_S:
            self._said = now
            LOG.warning("MLflow: %s: %s; trying again", type(error).__name__, _first_line(error))
        if self._failures >= TRIES:
            self._leave_out(error)
        wait_s = min(2.0 ** min(self._tries, 6), LONGEST_WAIT_S)
        if self._ending.heard.is_set():
            time.sleep(min(wait_s, POLL_S))
        else:
            self._ending.heard.wait(wait_s)

    def _leave_out(self, error: Exception) -> None:
        """Give up the delivery that failed: it failed again and again although contact was made."""
        self._failures = 0
        if self._batches and len(self._batches[0]) > 1:  # one line's fault: each by itself
            self._batches.extendleft([line] for line in reversed(self._batches.popleft()))
            return
        LOG.error("MLflow will not take this, left out there", exc_info=error)
        if self._batches:
            self._batches.popleft()
        elif self._files.first() is not None:
            self._files.done()

    def _recover(self) -> None:
        if self._lost_since:
            away_s = time.monotonic() - self._lost_since
            LOG.info("MLflow answers again after %.0f s", away_s)
        self._failures, self._tries, self._lost_since, self._said = 0, 0, 0.0, 0.0


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]


def main() -> int:
    """Read where to from standard input, deliver, return 0 if nothing is left."""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # meant for the training, which ends us
    set_up_logging()
    begin: dict[str, Any] = json.loads(sys.stdin.readline())
    ending = Ending()
    ending.listen()
    folder = Path(begin["folder"])
    return _alone(folder, lambda: _deliver_all(begin, folder, ending))


def _deliver_all(begin: dict[str, Any], folder: Path, ending: Ending) -> int:
    facts = RunFacts(**begin["facts"])
    run = MlflowRun(begin["uri"], begin["experiment"], facts, folder, run_id=begin["run_id"])
    return 0 if Courier(run, folder, ending).work() else EXIT_LEFT_OVER


def _alone(folder: Path, work: Callable[[], int]) -> int:
    """Do `work` when no other courier of the folder is left, e.g. of a training that was killed."""
    with (folder / ".mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return work()


if __name__ == "__main__":
    sys.exit(main())
