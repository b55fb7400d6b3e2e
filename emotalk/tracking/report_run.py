"""Send the report of an evaluation to MLflow: into the run of a training, or a run of its own."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotalk.redaction import redact
from emotalk.tracking.mlflow import SETTINGS

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

LOG = logging.getLogger("emotalk.mlflow")
SENT_TAG = "emotalk.report"  # and a report's id: all of its figures are there
METRICS_A_CALL = 1000  # MLflow's own limit


@dataclass(frozen=True)
class SentReport:
    """Hold the parts of a report that are sent."""

    identity: str  # of its inputs; a report of the same inputs is the same report
    name: str  # of a run of its own
    figures: Mapping[str, float]  # name -> value
    step: int  # of the training that the figures belong to
    files: Sequence[Path]
    folder: str  # of the files among the run's artifacts
    tags: Mapping[str, str]  # of a run of its own


def send_report(report: SentReport, *, uri: str, experiment: str, run_id: str) -> str:
    """Send a report's figures and files, and return the id of the run that has them.

    The figures of a report that was sent before are not sent again; its files are replaced.

    Args:
        report: what to send.
        uri: of the tracking server.
        experiment: of a run of its own, if `run_id` is empty or the server does not know it.
        run_id: of the training's run, whose state is left as it is; empty: none.

    Raises:
        mlflow.exceptions.MlflowException: the server does not answer, or refuses.
    """
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
    from mlflow.tracking import MlflowClient  # noqa: PLC0415  takes seconds

    from emotalk.tracking.server import make_database  # noqa: PLC0415  likewise

    make_database(uri)
    client = MlflowClient(tracking_uri=uri)
    own = not (run_id and _is_known(client, run_id))
    if own:
        run_id = _make_run(client, experiment, report)
    tag = f"{SENT_TAG}.{report.identity}"
    if tag not in client.get_run(run_id).data.tags:
        _send_figures(client, run_id, report)
    for path in report.files:
        client.log_artifact(run_id, str(path), report.folder)
    client.set_tag(run_id, tag, report.name)
    if own:
        client.set_terminated(run_id, "FINISHED")
    return run_id


def _is_known(client: "MlflowClient", run_id: str) -> bool:
    from emotalk.tracking.server import is_active  # noqa: PLC0415

    if is_active(client, run_id):
        return True
    LOG.warning("MLflow at %s has no run %s: the report becomes a run of its own",
                redact(client.tracking_uri), run_id)  # fmt: skip
    return False


def _make_run(client: "MlflowClient", experiment: str, report: SentReport) -> str:
    """Return the id of this report's own run, made if it is missing."""
    from emotalk.tracking.server import usable_experiment  # noqa: PLC0415

    experiment_id = usable_experiment(client, experiment)
    known = client.search_runs(
        [experiment_id], f"tags.`{SENT_TAG}.{report.identity}` != ''", max_results=1
    )
    if known:
        return str(known[0].info.run_id)
    run = client.create_run(experiment_id, run_name=report.name, tags=dict(report.tags))
    return str(run.info.run_id)


def _send_figures(client: "MlflowClient", run_id: str, report: SentReport) -> None:
    from mlflow.entities import Metric  # noqa: PLC0415

    now_ms = round(1000 * time.time())
    metrics = [Metric(name, value, now_ms, report.step) for name, value in report.figures.items()]
    for at in range(0, len(metrics), METRICS_A_CALL):
        client.log_batch(run_id, metrics=metrics[at : at + METRICS_A_CALL])
