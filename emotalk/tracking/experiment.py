"""Choose the experiment for a run, also when one of its name was deleted in MLflow."""

import logging
from itertools import count

from mlflow.entities import Experiment, LifecycleStage
from mlflow.tracking import MlflowClient

from emotalk.redaction import redact

LOG = logging.getLogger("emotalk.mlflow")


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
