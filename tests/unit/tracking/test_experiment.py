"""A run whose experiment was deleted in MLflow's page is shown all the same."""

import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.tracking.database import make_database
from emotalk.tracking.experiment import usable_experiment
from emotalk.tracking.mlflow import RunFacts
from emotalk.tracking.mlflow_run import MlflowRun

FACTS = RunFacts(name="first", params={"seed": "1"}, tags={})


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a run, which takes seconds to make."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    make_database(f"sqlite:///{path}")
    return path


@pytest.fixture
def uri(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # where artifacts go
    shutil.copyfile(empty, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def opened(uri: str, folder: Path) -> MlflowRun:
    folder.mkdir(exist_ok=True)
    return MlflowRun(uri, "faces", FACTS, folder)


def test_runs_go_beside_a_deleted_experiment_and_the_advice_brings_it_back(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("emotalk").propagate = True
    client = MlflowClient(uri)
    first = opened(uri, tmp_path / "first")
    deleted = client.get_run(first.run_id).info.experiment_id
    client.delete_experiment(deleted)

    first = opened(uri, tmp_path / "first")  # contact was lost meanwhile, or it is started again
    first.send_metrics([{"step": 3, "time": 1.0, "train/loss": 0.5}])
    again = client.get_run(first.run_id)
    assert client.get_experiment(again.info.experiment_id).name == "faces-2"
    assert again.data.metrics == {"train/loss": 0.5}
    assert client.get_experiment(deleted).lifecycle_stage == "deleted", "nothing is undone"

    second = opened(uri, tmp_path / "second")
    assert client.get_run(second.run_id).info.experiment_id == again.info.experiment_id
    assert caplog.text.count("runs go to 'faces-2'") >= 1

    advice = re.search(r"(mlflow experiments restore \S+ \S+) \(with (\S+)=(\S+)\)", caplog.text)
    assert advice is not None
    subprocess.run(
        [sys.executable, "-m", *advice[1].split()], check=True, capture_output=True,
        env={**os.environ, advice[2]: advice[3]},
    )  # fmt: skip
    assert client.get_experiment(usable_experiment(client, "faces")).name == "faces"
    third = opened(uri, tmp_path / "third")
    assert client.get_run(third.run_id).info.experiment_id == deleted


def test_the_first_name_that_was_not_deleted_is_taken(uri: str) -> None:
    client = MlflowClient(uri)
    for name in ("faces", "faces-2"):
        client.delete_experiment(client.create_experiment(name))
    for name, used in (("faces", "faces-3"), ("others", "others")):
        assert client.get_experiment(usable_experiment(client, name)).name == used
