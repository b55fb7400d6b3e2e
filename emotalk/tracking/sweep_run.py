"""Keep a sweep's own run in MLflow: its runs stand below it, its table and best run in it."""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotalk.files.atomic_write import atomic_write_text, claim_name
from emotalk.redaction import redact_setting
from emotalk.tracking.mlflow import SETTINGS
from emotalk.tracking.run_identity import IDENTITY, read_identity

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PARENT_TAG = "mlflow.parentRunId"
SWEEP_TAG, BEST_TAG = "emotalk.sweep", "best_run"


@dataclass(frozen=True)
class SweepResult:
    """Hold the results of a sweep so far.

    Attributes:
        children: ids of its runs in MLflow.
        figures: name -> value, of the best run.
        best_run: name of the best run; empty without one.
        best_id: its id in MLflow; empty if MLflow has none.
        table: a file.
        status: `RUNNING`, `FINISHED` or `FAILED`.
    """

    children: Sequence[str]
    figures: Mapping[str, float]
    best_run: str
    best_id: str
    table: Path
    status: str


def open_sweep(
    folder: Path, *, uri: str, experiment: str, name: str, params: Mapping[str, str]
) -> str:
    """Return the id of the sweep's own run, which the first caller makes and the others find.

    Of several that make one at once, one writes its id into the folder; the others remove theirs.

    Args:
        folder: of the sweep.
        uri: of the tracking server.
        experiment: of the run.
        name: of the run.
        params: what varies and its values.

    Raises:
        mlflow.exceptions.MlflowException: the server does not answer, or refuses.
    """
    client = _client(uri)
    from emotalk.tracking.server import is_active, usable_experiment  # noqa: PLC0415  loads MLflow

    known = read_identity(folder)
    if known.get("run_id") and is_active(client, known["run_id"]):
        return known["run_id"]
    experiment_id = usable_experiment(client, experiment)
    run = client.create_run(experiment_id, run_name=name, tags={SWEEP_TAG: name})
    run_id = str(run.info.run_id)
    identity = {"uri": redact_setting(uri), "run_id": run_id, "experiment_id": experiment_id}
    if not _claim(folder / IDENTITY, json.dumps(identity, indent=1) + "\n", known):
        client.delete_run(run_id)
        return read_identity(folder)["run_id"]
    for key, value in params.items():
        client.log_param(run_id, key, value)
    return run_id


def log_sweep(folder: Path, uri: str, result: SweepResult) -> str:
    """Send a sweep's table and best run, put its runs below its own, and return its own run's id.

    The same again changes nothing but what is new. Without a run of its own it is empty.

    Raises:
        mlflow.exceptions.MlflowException: the server does not answer, or refuses.
    """
    run_id = read_identity(folder).get("run_id", "")
    if not run_id:
        return ""
    client = _client(uri)
    for child in result.children:
        if client.get_run(child).data.tags.get(PARENT_TAG) != run_id:
            client.set_tag(child, PARENT_TAG, run_id)
    for name, value in result.figures.items():
        client.log_metric(run_id, name, value)
    if result.best_run:
        client.set_tag(run_id, BEST_TAG, result.best_run)
        client.set_tag(run_id, f"{BEST_TAG}_id", result.best_id)
    client.log_artifact(run_id, str(result.table))
    if result.status == "RUNNING":
        client.update_run(run_id, status="RUNNING")
    else:
        client.set_terminated(run_id, result.status)
    return run_id


def _client(uri: str) -> "MlflowClient":
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    from mlflow.tracking import MlflowClient  # noqa: PLC0415  takes seconds

    from emotalk.tracking.server import make_database  # noqa: PLC0415  likewise

    make_database(uri)
    return MlflowClient(tracking_uri=uri)


def _claim(path: Path, text: str, known: Mapping[str, str]) -> bool:
    """Write the identity if nobody has; replace the one of a run that the server does not have."""
    if known.get("run_id"):
        if read_identity(path.parent).get("run_id") != known["run_id"]:
            return False  # another caller has replaced it
        atomic_write_text(path, text)
        return True
    own = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    atomic_write_text(own, text)
    try:
        claim_name(own, path)
    except FileExistsError:
        own.unlink()
        return False
    return True
