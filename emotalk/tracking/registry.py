"""Register an exported generator in MLflow's model registry."""

import logging
import os
import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from emotalk.redaction import refuse_redacted

CODE = Path(__file__).with_name("talking_face.py")
PACKAGE = Path(__file__).parents[1]
MODEL = "generator"  # its name among the run's artifacts
# What training and the ETL need and making a video does not.
NOT_NEEDED = {"accelerate", "deepspeed", "kornia", "matplotlib", "psutil", "ray", "transformers"}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
FIRST_WORD = re.compile(r"[A-Za-z0-9_.-]+")


def register_model(folder: Path, name: str, *, uri: str, run_id: str, experiment: str) -> str:
    """Log an exported folder as a pyfunc model, register it, return its `models:/` URI.

    The model's code goes with it, its requirements are named, so nothing is looked up.

    Args:
        folder: as `emotalk export` writes it.
        name: of the registered model; a new version if it is there already.
        uri: the tracking server's.
        run_id: the training's run, which the version then belongs to; empty: none.
        experiment: where the model is listed if there is no run.
    """
    for variable, value in QUIET.items():
        os.environ.setdefault(variable, value)
    import mlflow  # noqa: PLC0415  takes seconds, and only registering needs it

    from emotalk.tracking.server import make_database, usable_experiment  # noqa: PLC0415  likewise

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    refuse_redacted(uri, "--tracking-uri")
    make_database(uri)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    mlflow.set_experiment(
        experiment_id=client.get_run(run_id).info.experiment_id
        if run_id
        else usable_experiment(client, experiment)
    )
    info = mlflow.models.Model.log(
        artifact_path=None,
        flavor=mlflow.pyfunc,
        name=MODEL,
        run_id=run_id or None,
        registered_model_name=name,
        python_model=str(CODE),
        artifacts={"export": str(folder)},
        code_paths=[str(PACKAGE)],
        pip_requirements=list(requirements()),
    )
    version = str(info.registered_model_version)
    card = (folder / "README.md").read_text("utf-8")
    client.update_model_version(name, version, description=card)
    return f"models:/{name}/{version}"


def requirements() -> Iterator[str]:
    """Yield the project's pinned requirements, without those that training alone needs."""
    for requirement in requires("emotalk") or ():
        word = FIRST_WORD.match(requirement)
        if "extra ==" not in requirement and word and word.group() not in NOT_NEEDED:
            yield requirement
