"""Prepare an MLflow server for a run: its database, and the experiment that takes the run."""

import logging
import os
from contextlib import suppress
from itertools import count
from pathlib import Path

from mlflow.entities import Experiment, LifecycleStage
from mlflow.tracking import MlflowClient

from emotalk.redaction import redact

LOG = logging.getLogger("emotalk.mlflow")
PREFIX = "sqlite:///"


def make_database(uri: str) -> None:
    """Make the database file of a `sqlite:///` URI, unless it is there.

    MLflow creates its tables one after the other. A process killed meanwhile leaves a file that
    MLflow cannot open, and of two processes that start together one fails. So the tables are
    created under a temporary name. Other URIs are left to MLflow.
    """
    path = _file(uri)
    if path is None or path.exists():
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        MlflowClient(tracking_uri=f"{PREFIX}{partial}")  # which makes the tables
        with suppress(OSError):  # another process made it, or the disk has no links
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _file(uri: str) -> Path | None:
    name = uri.removeprefix(PREFIX).partition("?")[0]
    return Path(name) if uri.startswith(PREFIX) and name not in ("", ":memory:") else None


def usable_experiment(client: MlflowClient, name: str) -> str:
    """Return the id of the experiment for new runs, made if it is missing.

    An experiment deleted in MLflow's page keeps its name and takes no run. It stays deleted, and
    runs go to `NAME-2`, or to the first number after it that was not deleted.
    """
    deleted: Experiment | None = None
    for number in count(1):
        tried = name if number == 1 else f"{name}-{number}"
        found = client.get_experiment_by_name(tried)
        if found is None or found.lifecycle_stage == LifecycleStage.ACTIVE:
            break
        deleted = deleted or found
    if deleted is not None:
        LOG.warning(
            "MLflow: the experiment %r was deleted there; runs go to %r. To have it back: "
            "mlflow experiments restore --experiment-id %s (with MLFLOW_TRACKING_URI=%s)",
            name,
            tried,
            deleted.experiment_id,
            redact(client.tracking_uri),
        )
    return str(found.experiment_id if found else client.create_experiment(tried))
