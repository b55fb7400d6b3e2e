"""Track a run in MLflow: a thread sends what stands in the run folder.

The training writes `metrics.jsonl` and `artifacts.jsonl`; the thread follows both. So nothing waits
for a server, nothing is queued in memory, and the next start sends what one has left.
"""

import atexit
import json
import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emotalk.config.tracking import MlflowConfig
from emotalk.files.atomic_write import atomic_write_text
from emotalk.printable import printable
from emotalk.redaction import redact_setting, refuse_redacted
from emotalk.tracking import mlflow_watcher
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import Line, append, read_lines
from emotalk.tracking.mlflow_watcher import ENDED, START_TAG
from emotalk.tracking.params import RunFacts
from emotalk.tracking.run_identity import IDENTITY, read_identity
from emotalk.tracking.run_page import how_to_see
from emotalk.tracking.tracker import Tracker

if TYPE_CHECKING:
    from emotalk.tracking.mlflow_run import MlflowRun

LOG = logging.getLogger("emotalk.mlflow")
DEFAULT_URI = "sqlite:///mlflow.db"
ARTIFACTS = "artifacts.jsonl"  # files to upload: path, folder
# Seconds that the end of a run waits for the server; batch systems grant little after a signal.
FLUSH_S = {"done": 60.0, "preempted": 5.0, "failed": 5.0}
POLL_S = 1.0  # between two looks at the files: several lines in one request cost less
METRICS_AT_ONCE = 1000
LONGEST_WAIT_S = 64.0  # between two tries while no server answers
WARN_EVERY = 60  # tries
TRIES = 5  # of lines that the server refuses, before it is asked to take each by itself
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# A process forked during an import would wait for ever where it imports the same module.
IMPORT = threading.RLock()
os.register_at_fork(
    before=IMPORT.acquire, after_in_parent=IMPORT.release, after_in_child=IMPORT.release
)


class MlflowTracker(Tracker):
    """Sends the run folder's metrics and files to the server."""

    def __init__(
        self,
        config: MlflowConfig,
        facts: RunFacts,
        folder: Path,
        *,
        run_id: str = "",
        on_run: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        """Start the thread. It continues the run `run_id` if the folder knows of none.

        `on_run` is called in the thread with the run's id, when the server has given one.
        """
        self._uri, self._experiment = tracking_uri(config), config.experiment
        refuse_redacted(self._uri, "tracking.mlflow.uri")
        self._facts = replace(facts, tags={**facts.tags, START_TAG: uuid.uuid4().hex})
        self._folder, self._on_run = folder.resolve(), on_run
        known = read_identity(folder)
        self._key = known.get("key", "") or uuid.uuid4().hex
        self.run_id = known.get("run_id", "") or run_id
        self._experiment_id = known.get("experiment_id", "")
        sent = known.get("artifacts_sent", "")
        is_usable = sent.isdecimal() and len(sent) < 16
        self._sent = {METRICS: 0, ARTIFACTS: int(sent) if is_usable else 0}  # bytes
        self._tries = self._refusals = 0
        self._ended, self._state, self._is_over = threading.Event(), "", False
        self._appending = threading.Lock()  # the thread that writes checkpoints adds files too
        os.environ.update({**SETTINGS, **os.environ})
        self._watcher = subprocess.Popen(
            [sys.executable, "-P", mlflow_watcher.__file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "MLFLOW_TRACKING_URI": self._uri},
            start_new_session=True,  # a terminal's Ctrl-C is for the training
        )
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()
        atexit.register(self.finish, "failed")

    def artifact(self, path: Path, folder: str) -> None:
        """Queue a file to be uploaded to `folder`."""
        with self._appending:
            append(self._folder / ARTIFACTS, {"path": str(path.resolve()), "folder": folder})

    def finish(self, state: str) -> None:
        """End the run as `state`; wait for the server for `FLUSH_S` at most."""
        atexit.unregister(self.finish)
        seconds = FLUSH_S.get(state, FLUSH_S["failed"])
        self._state = state
        self._ended.set()
        self._thread.join(seconds)
        self._tell_watcher(ENDED)
        if self.run_id and self._experiment_id:
            LOG.info("MLflow: %s", how_to_see(self._uri, self._experiment_id, self.run_id))
        if not self._is_over:
            self._is_over = True
            LOG.warning(
                "MLflow did not take everything within %.0f s; metrics.jsonl is complete, and the "
                "same command given again sends the rest",
                seconds,
            )

    def _work(self) -> None:
        while not self._is_over:
            run = None
            try:
                run = self._connect()
                while not self._is_over:
                    self._send_next(run)
            except Exception as error:  # noqa: BLE001  no fault of a server may end the thread
                self._refusals += run is not None
                if self._tries % WARN_EVERY == 0:
                    LOG.warning("MLflow: %s; trying again", printable(repr(error)))
                self._tries += 1
                if self._ended.wait(min(2.0 ** min(self._tries, 9), LONGEST_WAIT_S)):
                    time.sleep(POLL_S)

    def _connect(self) -> "MlflowRun":
        with IMPORT:
            from emotalk.tracking.mlflow_run import MlflowRun  # noqa: PLC0415  seconds
        self._write_identity()
        run = MlflowRun(self._uri, self._experiment, self._facts, self._key, self.run_id)
        if run.run_id != self.run_id:
            self.run_id, self._sent = run.run_id, {METRICS: 0, ARTIFACTS: 0}
        self._experiment_id = run.experiment_id
        self._write_identity()
        self._tell_watcher(f"{run.run_id} {self._facts.tags[START_TAG]}\n".encode())
        self._on_run(run.run_id)
        return run

    def _send_next(self, run: "MlflowRun") -> None:
        """Send the next lines; without any, wait for some, or close the run that has ended."""
        ended = self._ended.is_set()  # first: all that was written before it is seen
        for file, send, values in (
            (METRICS, run.send_metrics, METRICS_AT_ONCE),
            (ARTIFACTS, run.send_files, 1),
        ):
            lines, end = read_lines(self._folder / file, self._sent[file], values)
            if lines:
                if self._refusals < TRIES:
                    send(lines)
                else:
                    _send_each(send, lines, run)
                self._sent[file] = end
                self._write_identity()
                break
        else:
            if ended:
                run.end(self._state)
                self._is_over = True
            self._ended.wait(POLL_S)
        if self._tries:
            LOG.info("MLflow answers again")
        self._tries = self._refusals = 0

    def _tell_watcher(self, line: bytes) -> None:
        assert self._watcher.stdin is not None, "opened as a pipe"
        with suppress(BrokenPipeError):  # somebody has ended it
            self._watcher.stdin.write(line)

    def _write_identity(self) -> None:
        identity = {
            "uri": redact_setting(self._uri), "key": self._key, "run_id": self.run_id,
            "experiment_id": self._experiment_id, "artifacts_sent": self._sent[ARTIFACTS],
        }  # fmt: skip
        atomic_write_text(self._folder / IDENTITY, json.dumps(identity, indent=1) + "\n")


def _send_each(send: Callable[[list[Line]], None], lines: list[Line], run: "MlflowRun") -> None:
    """Send each line by itself, without those that the server refuses."""
    for line in lines:
        try:
            send([line])
        except Exception:
            run.check()  # raises where the server is away: then it has refused nothing
            shown = printable(json.dumps(line))
            LOG.exception("MLflow will not take this, left out there: %s", shown)


def tracking_uri(config: MlflowConfig) -> str:
    """Return the configured tracking URI, else the environment's, else a local SQLite file."""
    return config.uri or os.environ.get("MLFLOW_TRACKING_URI", "") or DEFAULT_URI
