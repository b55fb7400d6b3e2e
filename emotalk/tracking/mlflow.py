"""MLflow: one run a training, written in batches by a thread that may lose its server."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests.exceptions import RequestException

from emotalk.config.tracking import MlflowConfig

LOG = logging.getLogger("emotalk.mlflow")
DEFAULT_URI = "sqlite:///mlflow.db"
PARAMS_A_CALL, METRICS_A_CALL = 100, 1000  # MLflow's own limits
VALUE_LIMIT = 6000  # characters of a parameter
FLUSH_S = 60.0  # how long the end of a run waits for the server
LOST = (MlflowException, RequestException, OSError)


def tracking_uri(config: MlflowConfig) -> str:
    """Return the configured tracking URI, else the environment's, else a local SQLite file."""
    return config.uri or os.environ.get("MLFLOW_TRACKING_URI", "") or DEFAULT_URI


@dataclass(frozen=True)
class RunFacts:
    """What MLflow shows of a run besides its figures."""

    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]


class MlflowTracker:
    """Queues figures and files; a thread hands them over and keeps them while no server answers."""

    def __init__(self, config: MlflowConfig, facts: RunFacts, run_id: str | None) -> None:
        """Start the thread; `run_id` continues an earlier run."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        self._config, self._facts = config, facts
        self._client = MlflowClient(tracking_uri=tracking_uri(config))
        self.run_id = run_id or ""
        self._jobs: queue.Queue[Callable[[], None] | list[Metric] | None] = queue.Queue()
        self._closing = threading.Event()
        self._jobs.put(self._open)
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def wait_for_run(self, seconds: float) -> str:
        """Return the run's id, or an empty text when the server has not answered in time."""
        end = time.monotonic() + seconds
        while not self.run_id and time.monotonic() < end:
            time.sleep(0.05)
        return self.run_id

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Queue the figures of one step."""
        now = int(time.time() * 1000)
        self._jobs.put([Metric(name, value, now, step) for name, value in metrics.items()])

    def artifact(self, path: Path, folder: str) -> None:
        """Queue a file."""
        self._jobs.put(lambda: self._client.log_artifact(self.run_id, str(path), folder))

    def finish(self, state: str) -> None:
        """Close the run as `state` says and wait for what is queued, a minute at most."""
        status = {"done": "FINISHED", "preempted": "SCHEDULED"}.get(state, "FAILED")
        self._jobs.put(lambda: self._client.set_terminated(self.run_id, status))
        self._jobs.put(None)
        self._closing.set()
        self._thread.join(FLUSH_S)
        if self._thread.is_alive():
            LOG.warning(
                "MLflow did not take everything within %.0f s; metrics.jsonl is complete", FLUSH_S
            )

    def _open(self) -> None:
        if self.run_id:
            self._client.update_run(self.run_id, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(self._config.experiment)
        experiment = (
            found.experiment_id
            if found
            else self._client.create_experiment(self._config.experiment)
        )
        run = self._client.create_run(experiment, run_name=self._facts.name)
        params = [Param(k, str(v)[:VALUE_LIMIT]) for k, v in self._facts.params.items()]
        tags = [RunTag(k, v) for k, v in self._facts.tags.items()]
        for at in range(0, max(len(params), 1), PARAMS_A_CALL):
            self._client.log_batch(
                run.info.run_id,
                params=params[at : at + PARAMS_A_CALL],
                tags=tags if at == 0 else (),
            )
        self.run_id = run.info.run_id

    def _work(self) -> None:
        """Do the queued jobs in their order; figures that queue up go out together."""
        metrics: list[Metric] = []
        while True:
            job = self._jobs.get()
            if isinstance(job, list):
                metrics += job
                if not self._jobs.empty() and len(metrics) < METRICS_A_CALL:
                    continue
            self._send(metrics)
            metrics = []
            if job is None:
                return
            if not isinstance(job, list):
                self._try(job)

    def _send(self, metrics: list[Metric]) -> None:
        for at in range(0, len(metrics), METRICS_A_CALL):
            part = metrics[at : at + METRICS_A_CALL]
            self._try(partial(self._log_metrics, part))

    def _log_metrics(self, metrics: list[Metric]) -> None:
        self._client.log_batch(self.run_id, metrics=metrics)

    def _try(self, job: Callable[[], None]) -> None:
        """Do `job`, again and again while no server answers; give up when the run is closing."""
        wait_s, started = 1.0, time.monotonic()
        while True:
            try:
                return job()
            except LOST as error:
                if self._closing.is_set() and time.monotonic() - started > FLUSH_S / 4:
                    LOG.warning("MLflow lost a batch at the end of the run: %s", error)
                    return None
                LOG.warning("MLflow does not answer, trying again in %.0f s: %s", wait_s, error)
            time.sleep(0.5 if self._closing.is_set() else 0)
            self._closing.wait(wait_s)
            wait_s = min(2 * wait_s, 60.0)
