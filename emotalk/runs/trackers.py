"""Build the trackers of a run: metrics.jsonl, console and MLflow."""

import logging

from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.train_state import TrainState
from emotalk.config.run import TrainConfig
from emotalk.distributed import Runtime
from emotalk.printable import printable
from emotalk.redaction import redact
from emotalk.runs.tags import run_tags
from emotalk.tracking.console import Console
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker, tracking_uri
from emotalk.tracking.params import RunFacts, as_params
from emotalk.tracking.shared_folder import may_send
from emotalk.tracking.tracker import Tracker, Trackers

LOG = logging.getLogger("emotalk.train")


def build_trackers(
    config: TrainConfig,
    runtime: Runtime,
    state: TrainState,
    facts: ModelFacts,
    clips_per_epoch: int,
) -> Tracker:
    """Return the trackers of the main process; those of other processes do nothing."""
    if not runtime.is_main:
        return Trackers([])
    trackers: list[Tracker] = [
        JsonLines(config.run_dir / METRICS),
        Console(config.total_steps(clips_per_epoch), state.step),
    ]
    if config.tracking.mlflow.enabled and may_send(config.tracking.mlflow):
        trackers.append(_start_mlflow(config, state, facts))
    return Trackers(trackers)


def _start_mlflow(config: TrainConfig, state: TrainState, facts: ModelFacts) -> Tracker:
    mlflow = MlflowTracker(
        config.tracking.mlflow,
        RunFacts(
            name=printable(config.tracking.mlflow.run_name or config.run_dir.resolve().name),
            params=as_params(config.model_dump(mode="json")),
            tags=run_tags(config, facts.data, step=state.step),
        ),
        config.run_dir,
        run_id=state.mlflow_run,
        on_run=lambda run_id: setattr(state, "mlflow_run", run_id),
    )
    mlflow.artifact(config.run_dir / "config.yaml", "")
    LOG.info("MLflow: %s", redact(tracking_uri(config.tracking.mlflow)))
    return mlflow
