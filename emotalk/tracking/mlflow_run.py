"""Find or create a training's run on an MLflow server, and send the data that it lacks.

After every loss of contact the state of the server is read. So a request whose answer was lost is
neither repeated nor left out:

- a run carries a key as a tag and is looked for by it before one is made;
- a metric is sent if its step is after the last one the server has under its name;
- a sample or checkpoint is sent if no file of that name and size is there.
"""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import LifecycleStage, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient

from emotalk.files.atomic_write import atomic_write_text
from emotalk.redaction import redact, redact_setting
from emotalk.tracking.mlflow import IDENTITY, RunFacts, read_identity
from emotalk.tracking.server import make_database, usable_experiment

LOG = logging.getLogger("emotalk.mlflow")
PARAMS_A_CALL, METRICS_A_CALL = 100, 1000  # MLflow's own limits
KEY_TAG = "emotalk.run"
UNCHANGING = ("samples/", "checkpoints/")  # folders whose files never change under one name
STATUSES = {"done": "FINISHED", "preempted": "SCHEDULED"}
MISSING = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)


class MlflowRun:
    """One run on one server, and the state of it there."""

    def __init__(
        self, uri: str, experiment: str, facts: RunFacts, folder: Path, *, run_id: str = ""
    ) -> None:
        """Find or create the run, send its params and tags, and read its state.

        `mlflow.json` in the run folder is read and written; `run_id` is continued if it names none.
        """
        self._uri, self._experiment, self._folder = uri, experiment, folder
        known = read_identity(folder)
        self._key = known.get("key", "") or uuid.uuid4().hex
        self.run_id = known.get("run_id", "") or run_id
        self._write_identity()
        make_database(uri)
        self._client = MlflowClient(tracking_uri=uri)
        run = self._find_or_make(facts.name)
        self.run_id = run.info.run_id
        self._write_identity()
        self._send_facts(run, facts)
        metrics = self._client.get_run(self.run_id).data.to_proto().metrics
        self._steps = {metric.key: metric.step for metric in metrics}  # the last ones there
        self._files: dict[str, dict[str, int]] = {}  # artifact folder -> path -> bytes

    def send_metrics(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Send lines of `metrics.jsonl`, without values that the server has."""
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

    def send_files(self, lines: Sequence[Mapping[str, str]]) -> None:
        """Send files named by `artifacts.jsonl`, without samples and checkpoints it has."""
        for path, folder in ((Path(line["path"]), line["folder"]) for line in lines):
            if not path.is_file():
                LOG.info("%s is gone before MLflow could take it", path)
            elif not self._has(path, folder):
                self._client.log_artifact(self.run_id, str(path), folder or None)

    def end(self, state: str) -> None:
        """Close the run: `done`, `preempted`, or anything else for failed."""
        self._client.set_terminated(self.run_id, STATUSES.get(state, "FAILED"))

    def _has(self, path: Path, folder: str) -> bool:
        if not f"{folder}/".startswith(UNCHANGING):
            return False
        if folder not in self._files:
            listed = self._client.list_artifacts(self.run_id, folder)
            self._files[folder] = {file.path: int(file.file_size or 0) for file in listed}
        known, size = self._files[folder], path.stat().st_size
        before, known[f"{folder}/{path.name}"] = known.get(f"{folder}/{path.name}"), size
        return before == size

    def _find_or_make(self, name: str) -> Run:
        if self.run_id:
            try:
                run = self._client.get_run(self.run_id)
                if run.info.lifecycle_stage == LifecycleStage.ACTIVE:
                    return run
            except MlflowException as error:
                if error.error_code != MISSING:
                    raise
            LOG.warning(
                "MLflow at %s has no run %s (another server, or it was deleted there); a new run "
                "gets all figures from the first step on",
                redact(self._uri),
                self.run_id,
            )
        experiment = usable_experiment(self._client, self._experiment)
        runs = self._client.search_runs([experiment], f"tags.`{KEY_TAG}` = '{self._key}'")
        if runs:
            return runs[0]
        return self._client.create_run(experiment, run_name=name, tags={KEY_TAG: self._key})

    def _send_facts(self, run: Run, facts: RunFacts) -> None:
        """Send the params that the run lacks (MLflow lets none change) and this start's tags."""
        lacking = [Param(*fact) for fact in facts.params.items() if fact[0] not in run.data.params]
        tags = [RunTag(*fact) for fact in facts.tags.items()]
        self._client.log_batch(self.run_id, params=lacking[:PARAMS_A_CALL], tags=tags)
        for at in range(PARAMS_A_CALL, len(lacking), PARAMS_A_CALL):
            self._client.log_batch(self.run_id, params=lacking[at : at + PARAMS_A_CALL])
        if run.info.status != "RUNNING":
            self._client.update_run(self.run_id, status="RUNNING")

    def _write_identity(self) -> None:
        identity = {"uri": redact_setting(self._uri), "key": self._key, "run_id": self.run_id}
        atomic_write_text(self._folder / IDENTITY, json.dumps(identity, indent=1) + "\n")
