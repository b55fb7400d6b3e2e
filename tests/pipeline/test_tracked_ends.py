"""Whatever ends a training, MLflow shows it: with loader workers, on a real database."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.config.run import TrainConfig
from emotalk.tracking import mlflow as tracking
from emotalk.tracking.run_identity import read_identity
from tests.helpers.tiny_training import tiny_config, tiny_shards, train_command
from tests.helpers.train_here import train_here, trainer_here

LONG = "stages.gan.iterations=100000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards and a database: making one takes seconds."""
    folder = tmp_path_factory.mktemp("ends")
    tiny_shards(folder / "shards")
    MlflowClient(uri_of(folder)).create_experiment(
        "ends", artifact_location=str(folder / "artifacts")
    )
    return folder


def uri_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def words(folder: Path) -> list[str]:
    mlflow = [f"uri={uri_of(folder)}", "experiment=ends", "enabled=true"]
    return ["data.workers=1", *(f"tracking.mlflow.{word}" for word in mlflow)]


def config_of(folder: Path, name: str, *overrides: str) -> TrainConfig:
    return tiny_config(folder, *words(folder), f"run_dir={folder / name}", *overrides)


def status_of(folder: Path, name: str) -> str:
    run_id = read_identity(folder / name)["run_id"]
    return str(MlflowClient(uri_of(folder)).get_run(run_id).info.status)


def until(condition: Iterator[bool]) -> None:
    """Wait until `condition` yields true, at most as long as a loaded machine may need."""
    deadline = time.monotonic() + 600
    while not next(condition):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_known(folder: Path, name: str) -> Iterator[bool]:
    while True:
        yield bool(read_identity(folder / name).get("run_id"))


def test_a_finished_training_is_finished_there_and_nothing_is_left_to_send(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train_here(config_of(folder, "done"))
    assert status_of(folder, "done") == "FINISHED"
    assert "MLflow did not take everything" not in caplog.text
    figures = MlflowClient(uri_of(folder)).get_metric_history(
        read_identity(folder / "done")["run_id"], "train/generator/total"
    )
    assert [figure.step for figure in figures] == [2, 3, 4, 5, 6]


def test_a_preempted_training_is_scheduled_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tracking.FLUSH_S, "preempted", 60.0)
    stop = threading.Event()
    with trainer_here(config_of(folder, "preempted", LONG), stop.is_set) as trainer:

        def signal() -> None:
            until(is_known(folder, "preempted"))
            stop.set()

        threading.Thread(target=signal).start()
        assert trainer.run() == "preempted"
        trainer.finish("preempted")
    assert status_of(folder, "preempted") == "SCHEDULED"


def test_a_killed_training_is_failed_there(folder: Path) -> None:
    command, environment = train_command(
        folder / "tiny.yaml", folder / "killed", *words(folder), LONG
    )
    training = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        until(is_known(folder, "killed"))
    finally:
        training.kill()
        training.wait()

    def is_over() -> Iterator[bool]:
        while True:
            yield status_of(folder, "killed") != "RUNNING"

    until(is_over())
    assert status_of(folder, "killed") == "FAILED"
