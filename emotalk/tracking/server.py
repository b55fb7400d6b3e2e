"""Prepare an MLflow server for a run: its database, and the experiment that takes the run."""

import logging
import os
from contextlib import suppress
from itertools import count

from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from emotalk.files.atomic_write import claim_name
from emotalk.redaction import redact
from emotalk.tracking.database import PREFIX, database_file

LOG = logging.getLogger("emotalk.mlflow")
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # errors about a run's id


def make_database(uri: str) -> None:
    """Make the database file of a `sqlite:///` URI, unless it is there.

    MLflow creates its tables one after the other: a process killed meanwhile leaves a file that it
    cannot open, and of two processes at once one fails. So they are created under another name.
    """
    path = database_file(uri)
    if path is None or path.exists():
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        MlflowClient(tracking_uri=f"{PREFIX}{partial}")  # which makes the tables
        with suppress(FileExistsError):  # another process made it
            claim_name(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def is_active(client: MlflowClient, run_id: str) -> bool:
    """Return whether the server has this run and it is not deleted there."""
    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == LifecycleStage.ACTIVE)
    except MlflowException as error:
        if error.error_code not in UNKNOWN:
            raise
    return False


def usable_experiment(client: MlflowClient, name: str) -> str:
    """Return the id of the experiment for new runs, made if it is missing.

    One deleted in MLflow's page keeps its name and takes no run: runs go to `NAME-2` and so on.
    """
    for number in count(1):
        tried = name if number == 1 else f"{name}-{number}"
        found = client.get_experiment_by_name(tried)
        if found is None or found.lifecycle_stage == LifecycleStage.ACTIVE:
            break
        LOG.warning(
            "MLflow: the experiment %r was deleted there; runs go to %r. To have it back: "
            "mlflow experiments restore --experiment-id %s (with MLFLOW_TRACKING_URI=%s)",
            tried,
            f"{name}-{number + 1}",
            found.experiment_id,
            redact(client.tracking_uri),
        )
    return str(found.experiment_id if found else client.create_experiment(tried))
