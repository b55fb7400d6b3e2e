"""MLflow: one run a training, served by a process of its own that may lose its server.

Figures and files are not handed over here. They stand in the run folder, `metrics.jsonl` and
`artifacts.jsonl`, and the courier (`courier.py`) carries on from there. So the training process
neither imports MLflow nor holds anything back for it, however long the server is away.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotalk.config.tracking import MlflowConfig
from emotalk.masking import refuse_masked
from emotalk.tracking.queue_file import append

LOG = logging.getLogger("emotalk.mlflow")
DEFAULT_URI = "sqlite:///mlflow.db"
IDENTITY = "mlflow.json"  # which run of which server this run folder belongs to
ARTIFACTS = "artifacts.jsonl"  # files to be shown: path, folder
ROOT = Path(__file__).parents[2]
# How long the end of a run waits for the server. What is left then is sent when the same command
# is given again; batch systems grant little time after a signal.
FLUSH_S = {"done": 60.0, "preempted": 5.0, "failed": 5.0}
RESTART_S = 60.0  # between two couriers, should one die
# The courier tries again by itself; a request must not keep it from noticing that the run ended.
COURIER_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def tracking_uri(config: MlflowConfig) -> str:
    """Return the configured tracking URI, else the environment's, else a local SQLite file."""
    return config.uri or os.environ.get("MLFLOW_TRACKING_URI", "") or DEFAULT_URI


@dataclass(frozen=True)
class RunFacts:
    """Name, parameters and tags of a run in MLflow.

    Attributes:
        name: the run's, for people.
        params: dotted name -> value; never change once a run has begun.
        tags: of this start of the run; the last start's stand.
    """

    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]


TRACKERS: "weakref.WeakSet[MlflowTracker]" = weakref.WeakSet()


def _forget_couriers() -> None:
    """Let go, in a process forked from this one, of the pipes to its couriers.

    A courier takes the end of its pipe for the end of the training. A loader worker that held the
    other end open would let it wait for ever.
    """
    for tracker in TRACKERS:
        tracker.forget()


os.register_at_fork(after_in_child=_forget_couriers)


class MlflowTracker:
    """Keeps a courier running that brings the run folder's figures and files to the server."""

    def __init__(
        self,
        config: MlflowConfig,
        facts: RunFacts,
        folder: Path,
        *,
        run_id: str = "",
        on_run: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        """Start the courier and wait for nothing.

        Args:
            config: server and names.
            facts: what the server is told of the run.
            folder: the run folder, with `metrics.jsonl`.
            run_id: continues this run, if the folder knows of none.
            on_run: called once with the run's id, as soon as the server has given one.
        """
        self._folder, self._on_run = folder, on_run
        uri = tracking_uri(config)
        refuse_masked(uri, "tracking.mlflow.uri")
        self._begin = {
            "uri": uri,
            "experiment": config.experiment,
            "folder": str(folder.resolve()),
            "run_id": run_id,
            "facts": {"name": facts.name, "params": {**facts.params}, "tags": {**facts.tags}},
        }
        self.run_id = ""
        self._started = time.monotonic()
        self._lock = threading.Lock()  # files are also noted by the thread that writes checkpoints
        self._courier = self._start()
        TRACKERS.add(self)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """See that the courier is there; the figures stand in `metrics.jsonl` already."""
        del step, metrics
        self._look_after()

    def artifact(self, path: Path, folder: str) -> None:
        """Note a file to be shown under `folder`."""
        with self._lock:
            append(self._folder / ARTIFACTS, {"path": str(path.resolve()), "folder": folder})
        self._look_after()

    def finish(self, state: str) -> None:
        """Let the run be closed as `state` says; wait for the rest for `FLUSH_S` at most."""
        seconds = FLUSH_S.get(state, FLUSH_S["failed"])
        if self._courier.poll() is not None:
            self._start()
        self._say({"finish": state, "seconds": seconds})
        with suppress(BrokenPipeError):
            assert self._courier.stdin is not None, "opened as a pipe"
            self._courier.stdin.close()
        try:
            code = self._courier.wait(seconds + 2)
        except subprocess.TimeoutExpired:
            self._courier.kill()
            code = self._courier.wait()
        self._learn_run()
        if code:
            LOG.warning(
                "MLflow did not take everything within %.0f s; metrics.jsonl is complete, and the "
                "same command given again sends the rest",
                seconds,
            )

    def forget(self) -> None:
        """Close this process's end of the pipe; for forked processes, whose training goes on."""
        stream = self._courier.stdin
        if stream is not None and not stream.closed:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())  # the number stays taken: the stream closes it later
            os.close(nothing)

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        courier = subprocess.Popen(
            [sys.executable, "-m", "emotalk.tracking.uploader"],
            stdin=subprocess.PIPE,
            text=True,
            env={**COURIER_ENVIRONMENT, **os.environ, "PYTHONPATH": path},
            start_new_session=True,  # a terminal's Ctrl-C is for the training
        )
        self._courier = courier
        self._say(self._begin)
        return courier

    def _say(self, message: dict[str, Any]) -> None:
        stream = self._courier.stdin
        assert stream is not None, "opened as a pipe"
        with suppress(BrokenPipeError):  # where it has died: `_look_after` sees to it
            stream.write(json.dumps(message) + "\n")
            stream.flush()

    def _look_after(self) -> None:
        """Start another courier where one has died, and learn the run's id."""
        with self._lock:
            self._learn_run()
            code = self._courier.poll()
            if code is not None and time.monotonic() - self._started > RESTART_S:
                LOG.warning("MLflow's courier ended with code %d; starting another one", code)
                self._started = time.monotonic()
                self._start()

    def _learn_run(self) -> None:
        if not self.run_id:
            self.run_id = read_identity(self._folder).get("run_id", "")
            if self.run_id:
                self._on_run(self.run_id)


def read_identity(folder: Path) -> dict[str, str]:
    """Return `uri`, `key` and `run_id` of the run folder's run in MLflow; empty where none is."""
    try:
        known = json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in known.items()}
