"""Find or create a training's run on an MLflow server, and send the data that it lacks.

After every loss of contact the state of the server is read, so that a request whose answer was lost
is neither repeated nor left out. A run carries a key as a tag and is looked for by it before one is
made. A metric is sent if its step is after the last one the server has under its name.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import LifecycleStage, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from emotalk.redaction import redact
from emotalk.tracking.params import RunFacts
from emotalk.tracking.server import UNKNOWN, make_database, usable_experiment

LOG = logging.getLogger("emotalk.mlflow")
PARAMS_A_CALL, METRICS_A_CALL = 100, 1000  # MLflow's own limits
KEY_TAG = "emotalk.run"
STATUSES = {"done": "FINISHED", "preempted": "SCHEDULED"}


class MlflowRun:
    """One run on one server, and the state of it there."""

    def __init__(
        self, uri: str, experiment: str, facts: RunFacts, key: str, run_id: str = ""
    ) -> None:
        """Find the run by its id or key, or create it; send its params and tags, read its state."""
        make_database(uri)
        self._client = MlflowClient(tracking_uri=uri)
        run = self._find_or_make(experiment, facts.name, key, run_id)
        self.run_id = run.info.run_id
        self.experiment_id = str(run.info.experiment_id)
        self._send_facts(run, facts)
        metrics = self._client.get_run(self.run_id).data.to_proto().metrics
        self._steps = {metric.key: metric.step for metric in metrics}  # the last ones there

    def send_metrics(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Send lines of `metrics.jsonl`, without values that the server has."""
        metrics: list[Metric] = []
        for line in lines:
            if not {"step", "time"} <= line.keys():
                continue
            step, time_ms = int(line["step"]), round(1000 * float(line["time"]))
            for name, value in line.items():
                if name not in ("step", "time") and step > self._steps.get(name, -1):
                    self._steps[name] = step
                    metrics.append(Metric(name, float(value), time_ms, step))
        for at in range(0, len(metrics), METRICS_A_CALL):
            self._client.log_batch(self.run_id, metrics=metrics[at : at + METRICS_A_CALL])

    def send_files(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Send the files that lines of `artifacts.jsonl` name."""
        for path, folder in ((Path(line["path"]), line["folder"]) for line in lines):
            if path.is_file():
                self._client.log_artifact(self.run_id, str(path), folder or None)
            else:
                LOG.info("%s is gone before MLflow could take it", path)

    def check(self) -> None:
        """Raise unless the server answers."""
        self._client.get_run(self.run_id)

    def end(self, state: str) -> None:
        """Close the run: `done`, `preempted`, or anything else for failed."""
        self._client.set_terminated(self.run_id, STATUSES.get(state, "FAILED"))

    def _find_or_make(self, experiment: str, name: str, key: str, run_id: str) -> Run:
        if run_id:
            try:
                run = self._client.get_run(run_id)
                if run.info.lifecycle_stage == LifecycleStage.ACTIVE:
                    return run
            except MlflowException as error:
                if error.error_code not in UNKNOWN:
                    raise
            LOG.warning(
                "MLflow at %s has no run %s (another server, or it was deleted there); a new run "
                "gets all figures from the first step on",
                redact(self._client.tracking_uri),
                run_id,
            )
        experiment_id = usable_experiment(self._client, experiment)
        runs = self._client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{key}'")
        if runs:
            return runs[0]
        return self._client.create_run(experiment_id, run_name=name, tags={KEY_TAG: key})

    def _send_facts(self, run: Run, facts: RunFacts) -> None:
        """Send the params that the run lacks (MLflow lets none change) and this start's tags."""
        lacking = [Param(*fact) for fact in facts.params.items() if fact[0] not in run.data.params]
        tags = [RunTag(*fact) for fact in facts.tags.items()]
        for at in range(0, len(lacking) or 1, PARAMS_A_CALL):
            self._client.log_batch(self.run_id, params=lacking[at : at + PARAMS_A_CALL], tags=tags)
        if run.info.status != "RUNNING":
            self._client.update_run(self.run_id, status="RUNNING")
