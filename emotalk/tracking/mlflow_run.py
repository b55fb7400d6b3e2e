"""A training's run on an MLflow server: found or made, and given what it lacks, nothing twice.

The server itself says what it has. After every loss of contact it is asked again, so that a request
whose answer was lost is neither repeated nor left out:

- a run carries a key of ours as a tag and is looked for by it before one is made;
- a figure is sent if its step lies after the last one the server has under its name;
- a sample or checkpoint is sent if no file of that name and size is there.
"""

import json
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient

from emotalk.masking import masked, masked_setting
from emotalk.tracking.database import make_database
from emotalk.tracking.experiment import usable_experiment
from emotalk.tracking.mlflow import IDENTITY, RunFacts, read_identity

LOG = logging.getLogger("emotalk.mlflow")
PARAMS_A_CALL, METRICS_A_CALL = 100, 1000  # MLflow's own limits
KEY_TAG = "emotalk.run"
UNCHANGING = ("samples/", "checkpoints/")  # folders whose files never change under one name
STATUSES = {"done": "FINISHED", "preempted": "SCHEDULED"}
MISSING = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)


class MlflowRun:
    """One run on one server."""

    def __init__(
        self, uri: str, experiment: str, facts: RunFacts, folder: Path, *, run_id: str = ""
    ) -> None:
        """Remember where and what; nothing is asked of the server yet.

        Args:
            uri: the tracking server's.
            experiment: its name.
            facts: name, params and tags.
            folder: the run folder; `mlflow.json` in it is read and written.
            run_id: continues this run where the folder knows of none.
        """
        self._uri, self._experiment, self._facts, self._folder = uri, experiment, facts, folder
        known = read_identity(folder)
        self._key = known.get("key", "") or uuid.uuid4().hex
        self.run_id = known.get("run_id", "") or run_id
        self._write_identity()
        self._steps: dict[str, int] = {}  # name -> the last step the server has
        self._files: dict[str, dict[str, int]] = {}  # artifact folder -> path -> bytes
        self._client: MlflowClient | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it is known which figures the server has."""
        return self._client is not None

    def open(self) -> None:
        """Find the run or make it, tell it its params and tags, and learn what it has."""
        make_database(self._uri)
        client = MlflowClient(tracking_uri=self._uri)
        run = self._find(client) or self._make(client)
        self.run_id = run.info.run_id
        self._write_identity()
        self._tell(client, run)
        figures = client.get_run(self.run_id).data.to_proto().metrics
        self._steps = {figure.key: figure.step for figure in figures}
        self._files = {}
        self._client = client

    def close(self) -> None:
        """Forget what the server has: contact was lost, it must be asked again."""
        self._client = None

    def send_figures(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Send lines of `metrics.jsonl`, but for what the server has; at most a call's worth."""
        assert self._client is not None, "opened first"
        fresh: dict[tuple[str, int], Metric] = {}
        for line in lines:
            if "step" not in line or "time" not in line:
                continue
            step, time_ms = int(line["step"]), round(1000 * float(line["time"]))
            for name, value in line.items():
                if name not in ("step", "time") and step > self._steps.get(name, -1):
                    fresh[name, step] = Metric(name, float(value), time_ms, step)
        metrics = list(fresh.values())
        for at in range(0, len(metrics), METRICS_A_CALL):
            self._client.log_batch(self.run_id, metrics=metrics[at : at + METRICS_A_CALL])
        for metric in metrics:
            self._steps[metric.key] = max(metric.step, self._steps.get(metric.key, -1))

    def send_file(self, path: Path, folder: str) -> None:
        """Send a file, but for a sample or checkpoint that the server has."""
        assert self._client is not None, "opened first"
        if not path.is_file():
            LOG.info("%s is gone before MLflow could take it", path)
            return
        if self._has(path, folder):
            return
        self._client.log_artifact(self.run_id, str(path), folder or None)
        if folder in self._files:
            self._files[folder][f"{folder}/{path.name}"] = path.stat().st_size

    def end(self, state: str) -> None:
        """Close the run: `done`, `preempted`, or anything else for failed."""
        assert self._client is not None, "opened first"
        self._client.set_terminated(self.run_id, STATUSES.get(state, "FAILED"))

    def _has(self, path: Path, folder: str) -> bool:
        assert self._client is not None, "opened first"
        if not f"{folder}/".startswith(UNCHANGING):
            return False
        if folder not in self._files:
            listed = self._client.list_artifacts(self.run_id, folder)
            self._files[folder] = {file.path: int(file.file_size or 0) for file in listed}
        return self._files[folder].get(f"{folder}/{path.name}") == path.stat().st_size

    def _find(self, client: MlflowClient) -> Run | None:
        if self.run_id:
            run = _run_or_none(client, self.run_id)
            if run is not None:
                return run
            LOG.warning(
                "MLflow at %s has no run %s (another server, or it was deleted there); a new run "
                "gets all figures from the first step on",
                masked(self._uri),
                self.run_id,
            )
            self.run_id = ""
        experiment = usable_experiment(client, self._experiment)[1]
        if experiment is None:
            return None
        found = client.search_runs([experiment.experiment_id], f"tags.`{KEY_TAG}` = '{self._key}'")
        return found[0] if found else None

    def _make(self, client: MlflowClient) -> Run:
        name, found = usable_experiment(client, self._experiment)
        experiment = found.experiment_id if found else client.create_experiment(name)
        return client.create_run(experiment, run_name=self._facts.name, tags={KEY_TAG: self._key})

    def _tell(self, client: MlflowClient, run: Run) -> None:
        """Log params the run lacks (MLflow lets none change) and this start's tags."""
        lacking = [
            Param(name, value)
            for name, value in self._facts.params.items()
            if name not in run.data.params
        ]
        tags = [RunTag(name, value) for name, value in self._facts.tags.items()]
        for at in range(0, max(len(lacking), 1), PARAMS_A_CALL):
            part = lacking[at : at + PARAMS_A_CALL]
            client.log_batch(self.run_id, params=part, tags=tags if at == 0 else ())
        if run.info.status != "RUNNING":
            client.update_run(self.run_id, status="RUNNING")

    def _write_identity(self) -> None:
        fresh = self._folder / f".{IDENTITY}.part"
        identity = {"uri": masked_setting(self._uri), "key": self._key, "run_id": self.run_id}
        fresh.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")
        os.replace(fresh, self._folder / IDENTITY)


def _run_or_none(client: MlflowClient, run_id: str) -> Run | None:
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == MISSING:
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None
