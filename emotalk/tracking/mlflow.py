"""Track a run in MLflow through an uploader process of its own.

The tracker sends nothing itself. Metrics and files to upload stand in the run folder, in
`metrics.jsonl` and `artifacts.jsonl`, and the uploader reads them there (`uploader.py`). So the
training neither imports MLflow nor waits for its server, and memory stays bounded.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotalk.config.tracking import MlflowConfig
from emotalk.redaction import refuse_redacted
from emotalk.tracking.jsonl import append
from emotalk.tracking.tracker import Tracker

LOG = logging.getLogger("emotalk.mlflow")
DEFAULT_URI = "sqlite:///mlflow.db"
IDENTITY = "mlflow.json"  # which run of which server this run folder belongs to
ARTIFACTS = "artifacts.jsonl"  # files to upload: path, folder
ROOT = Path(__file__).parents[2]
# Seconds that the end of a run waits for the server. What is left then is sent when the same
# command is given again; batch systems grant little time after a signal.
FLUSH_S = {"done": 60.0, "preempted": 5.0, "failed": 5.0}
RESTART_S = 60.0  # between two starts of an uploader that dies
# The uploader tries again by itself; a request must not keep it from noticing the run's end.
UPLOADER_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def tracking_uri(config: MlflowConfig) -> str:
    """Return the configured tracking URI, else the environment's, else a local SQLite file."""
    return config.uri or os.environ.get("MLFLOW_TRACKING_URI", "") or DEFAULT_URI


@dataclass(frozen=True)
class RunFacts:
    """Name, parameters and tags of a run in MLflow."""

    name: str
    params: Mapping[str, str]  # dotted name -> value; they never change once a run has begun
    tags: Mapping[str, str]  # of this start of the run; they replace those of earlier starts


class MlflowTracker(Tracker):
    """Keeps an uploader running that sends the run folder's metrics and files to the server."""

    def __init__(
        self,
        config: MlflowConfig,
        facts: RunFacts,
        folder: Path,
        *,
        run_id: str = "",
        on_run: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        """Start the uploader of a run folder without waiting for it.

        It continues the run `run_id` if the folder knows of none. `on_run` is called once with the
        run's id, as soon as the server has given one.
        """
        self._folder, self._on_run = folder, on_run
        uri = tracking_uri(config)
        refuse_redacted(uri, "tracking.mlflow.uri")
        self._begin = {
            "run": {"uri": uri, "experiment": config.experiment, "run_id": run_id},
            "folder": str(folder.resolve()),
            "facts": asdict(facts),
            "training": os.getpid(),
        }
        self.run_id = ""
        self._lock = threading.Lock()  # the thread that writes checkpoints calls `artifact` too
        self._start()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Check that the uploader runs; the metrics stand in `metrics.jsonl` already."""
        del step, metrics
        self._check_uploader()

    def artifact(self, path: Path, folder: str) -> None:
        """Queue a file to be uploaded to `folder`."""
        with self._lock:
            append(self._folder / ARTIFACTS, {"path": str(path.resolve()), "folder": folder})
        self._check_uploader()

    def finish(self, state: str) -> None:
        """Let the uploader close the run as `state`; wait for it for `FLUSH_S` at most."""
        seconds = FLUSH_S.get(state, FLUSH_S["failed"])
        if self._uploader.poll() is not None:
            self._start()
        self._tell({"finish": state, "seconds": seconds})
        try:
            code = self._uploader.wait(seconds + 2)
        except subprocess.TimeoutExpired:
            self._uploader.kill()
            code = self._uploader.wait()
        self._learn_run()
        if code:
            LOG.warning(
                "MLflow did not take everything within %.0f s; metrics.jsonl is complete, and the "
                "same command given again sends the rest",
                seconds,
            )

    def _start(self) -> None:
        self._started = time.monotonic()
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self._uploader = subprocess.Popen(
            [sys.executable, "-m", "emotalk.tracking.uploader"],
            stdin=subprocess.PIPE,
            text=True,
            env={**UPLOADER_ENVIRONMENT, **os.environ, "PYTHONPATH": path},
            start_new_session=True,  # a terminal's Ctrl-C is for the training
        )
        self._tell(self._begin)

    def _tell(self, message: dict[str, Any]) -> None:
        stream = self._uploader.stdin
        assert stream is not None, "opened as a pipe"
        with suppress(BrokenPipeError):  # it has died; `_check_uploader` starts another
            stream.write(json.dumps(message) + "\n")
            stream.flush()

    def _check_uploader(self) -> None:
        """Start another uploader if it has died, and learn the run's id."""
        with self._lock:
            self._learn_run()
            code = self._uploader.poll()
            if code is not None and time.monotonic() - self._started > RESTART_S:
                LOG.warning("MLflow's uploader ended with code %d; starting another one", code)
                self._start()

    def _learn_run(self) -> None:
        if not self.run_id:
            self.run_id = read_identity(self._folder).get("run_id", "")
            if self.run_id:
                self._on_run(self.run_id)


def read_identity(folder: Path) -> dict[str, str]:
    """Return `uri`, `key` and `run_id` of the run folder's run in MLflow; empty if it has none."""
    try:
        known = json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in known.items()}
