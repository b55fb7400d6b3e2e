"""MLflow holds the run's figures; a lost server neither stops nor slows the training."""

import socket
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking import mlflow as tracking
from emotalk.tracking.mlflow import MlflowTracker, RunFacts, tracking_uri

FACTS = RunFacts(name="first", params={"data.frames": 25}, tags={"shards": "s"})


def test_figures_params_tags_and_files_arrive(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    config = MlflowConfig(uri=uri, experiment="tests")
    tracker = MlflowTracker(config, FACTS, None)
    run_id = tracker.wait_for_run(60)
    for step in range(5):
        tracker.log(step, {"train/loss": 1.0 / (step + 1), "train/lr": 0.1})
    tracker.finish("done")
    run = MlflowClient(uri).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"data.frames": "25"}
    assert run.data.tags["shards"] == "s"
    history = MlflowClient(uri).get_metric_history(run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [
        (step, 1.0 / (step + 1)) for step in range(5)
    ]
    again = MlflowTracker(config, FACTS, run_id)
    again.log(5, {"train/loss": 0.0})
    again.finish("preempted")
    assert len(MlflowClient(uri).get_metric_history(run_id, "train/loss")) == 6
    assert len(MlflowClient(uri).search_runs([run.info.experiment_id])) == 1


def test_a_server_that_is_not_there_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "FLUSH_S", 2.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    tracker = MlflowTracker(MlflowConfig(uri=f"http://127.0.0.1:{port}"), FACTS, None)
    start = time.monotonic()
    for step in range(1000):
        tracker.log(step, {"train/loss": 1.0})
    assert time.monotonic() - start < 1.0, "logging waits for nobody"
    tracker.finish("done")


def test_the_uri_comes_from_config_then_environment_then_a_local_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking")
    assert tracking_uri(MlflowConfig(uri="sqlite:///a.db")) == "sqlite:///a.db"
    assert tracking_uri(MlflowConfig()) == "http://tracking"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri(MlflowConfig()) == "sqlite:///mlflow.db"
