"""MLflow holds the run's figures; a lost server neither stops nor slows the training."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking import mlflow as tracking
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker, RunFacts, tracking_uri
from emotalk.tracking.tracker import Trackers

FACTS = RunFacts(name="first", params={"data.frames": "25"}, tags={"shards": "s"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # where a new experiment's artifacts go
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_an_uploader_that_dies_is_replaced_and_nothing_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "RESTART_S", 0.0)
    uri = f"sqlite:///{folder.parent / 'mlflow.db'}"
    told: list[str] = []
    config = MlflowConfig(uri=uri, experiment="tests")
    mlflow = MlflowTracker(config, FACTS, folder, on_run=told.append)
    trackers = Trackers([JsonLines(folder / METRICS), mlflow])
    first = mlflow._uploader
    first.kill()
    first.wait()
    trackers.log(1, {"train/loss": 1.0})
    assert mlflow._uploader is not first
    sample = folder / "happiness.mp4"
    sample.write_bytes(b"video")
    trackers.artifact(sample, "samples/step-000005")
    trackers.finish("done")
    client = MlflowClient(uri)
    assert told == [mlflow.run_id]
    assert client.get_run(mlflow.run_id).info.status == "FINISHED"
    history = client.get_metric_history(mlflow.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0)]
    assert len(client.list_artifacts(mlflow.run_id, "samples/step-000005")) == 1


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_never_answers_holds_nobody_up(
    folder: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tracking.FLUSH_S, "done", 1.0)
    mlflow = MlflowTracker(MlflowConfig(uri=silent_server), FACTS, folder)
    trackers = Trackers([JsonLines(folder / METRICS), mlflow])
    begun = time.process_time()
    for step in range(1000):
        trackers.log(step, {"train/loss": 1.0})
    assert time.process_time() - begun < 10.0, "logging works on, whoever listens"
    trackers.finish("done")
    assert mlflow._uploader.poll() not in (None, 0), "it has ended, and said that something is left"
    assert len((folder / METRICS).read_text().splitlines()) == 1000


def test_the_uri_comes_from_config_then_environment_then_a_local_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking")
    assert tracking_uri(MlflowConfig(uri="sqlite:///a.db")) == "sqlite:///a.db"
    assert tracking_uri(MlflowConfig()) == "http://tracking"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri(MlflowConfig()) == "sqlite:///mlflow.db"
