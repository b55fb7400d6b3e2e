"""Bring the report of an evaluation into MLflow, to the run of the training that it is of."""

import hashlib
import json
import logging
import os
from pathlib import Path

from emotalk.checkpoints.find_model import find_model
from emotalk.checkpoints.folder import run_folder
from emotalk.checkpoints.training_record import read_mlflow_facts, read_state_facts
from emotalk.config.evaluate_tracking import ReportTrackingConfig
from emotalk.evaluation.output import REPORT_FILES
from emotalk.evaluation.report import Report
from emotalk.printable import printable
from emotalk.redaction import MASK, redact
from emotalk.tracking.database import database_is_missing
from emotalk.tracking.report_run import SentReport, send_report

LOG = logging.getLogger("emotalk.mlflow")
IDENTITY_DIGITS = 16
PAIRS = "pairs"  # in place of a split: of videos that any system made


def track_report(
    report: Report, output: Path, config: ReportTrackingConfig, checkpoint: Path | None = None
) -> str:
    """Send a report to MLflow; return where it is or why it is not there, empty if it is not sent.

    A server that does not answer costs the evaluation nothing but a warning.

    Args:
        report: as it was written.
        output: its folder.
        config: whether and where to send it.
        checkpoint: as the user gave it; None: videos of another system.
    """
    if not config.enabled:
        return ""
    folder = None if checkpoint is None else find_model(checkpoint)
    known = read_mlflow_facts(None if folder is None else run_folder(folder))
    state = None if folder is None else read_state_facts(folder)
    run_id = known.run_id or ("" if state is None else state.mlflow_run)
    uri = config.uri or _usable(known.uri) or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return _why_not_sent(known.uri) if run_id else ""
    step = 0 if state is None or state.step is None else state.step
    sent = _what_is_sent(report, output, step)
    try:
        run_id = send_report(sent, uri=uri, experiment=config.experiment, run_id=run_id)
    except Exception as error:  # noqa: BLE001  no fault of a server may undo an evaluation
        return (
            f"MLflow did not take the report: {printable(repr(error))}; the same command sends it "
            "again"
        )
    return f"MLflow: {redact(uri)}, run {run_id}, artifacts in {sent.folder}"


def report_figures(report: Report, split: str) -> dict[str, float]:
    """Return the means by their names in MLflow: `test/psnr`; of other rows `test/repeat/psnr`."""
    figures = {
        f"{split}/{name}" if row == "generated" else f"{split}/{row}/{name}": value.mean
        for name, rows in report.figures.items()
        for row, value in rows.items()
    }
    if report.emotion is not None:
        for row, value in report.emotion.accuracy.items():
            place = split if row == "generated" else f"{split}/{row}"
            figures[f"{place}/emotion_accuracy"] = value.mean
    return {name: mean for name, mean in figures.items() if mean is not None}


def _what_is_sent(report: Report, output: Path, step: int) -> SentReport:
    inputs = json.dumps(report.inputs, sort_keys=True).encode()
    identity = hashlib.sha256(inputs).hexdigest()[:IDENTITY_DIGITS]
    settings = report.inputs.get("config", {})
    split = settings.get("split", PAIRS) if isinstance(settings, dict) else PAIRS
    files = [output / name for name in REPORT_FILES]
    return SentReport(
        identity=identity,
        name=printable(output.resolve().name),
        figures=report_figures(report, split),
        step=step,
        files=[path for path in [*files, *sorted(output.glob("*.png"))] if path.is_file()],
        folder=f"evaluation/{split}-{identity}",
        tags={word: printable(what) for word, what in report.about.items()},
    )


def _usable(uri: str) -> str:
    """Return the server of a training's run if its secrets and its database file are known here."""
    return "" if MASK in uri or database_is_missing(uri) else uri


def _why_not_sent(uri: str) -> str:
    if not uri:
        why = "the checkpoint names its run, and no mlflow.json beside it the server"
    elif database_is_missing(uri):
        why = f"the training's server is {redact(uri)}, and its database is not below this folder"
    else:
        why = f"the training's server is {redact(uri)}, and it holds a secret"
    return (
        f"MLflow: not sent: {why}; give it as tracking.uri=URI or MLFLOW_TRACKING_URI and run the "
        "same command again"
    )
