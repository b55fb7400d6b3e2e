"""A training's figures and a real MLflow server that is killed half way and comes back."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker
from emotalk.tracking.params import RunFacts
from emotalk.tracking.tracker import Trackers
from tests.helpers.mlflow_server import MlflowServer

STEPS = 120
FACTS = RunFacts(name="lost and found", params={"seed": "0"}, tags={})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path)
    server.start()
    yield server
    server.kill()


def wait_for(client: MlflowClient, run_id: str, step: int) -> None:
    """Wait until the server has the figures of `step`."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        if client.get_run(run_id).data.metrics.get("step_number", -1) >= step:
            return
        time.sleep(0.1)
    raise AssertionError(f"step {step} has not arrived")


def log(trackers: Trackers, first: int, last: int) -> None:
    for step in range(first, last):
        figures = {f"train/m{number}": step + number / 100 for number in range(40)}
        trackers.log(step, {"step_number": float(step), **figures})
        time.sleep(0.02)


@pytest.mark.slow  # two starts of the server
@pytest.mark.timeout(400)
def test_everything_arrives_once_though_the_server_was_killed_half_way(
    server: MlflowServer, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    mlflow = MlflowTracker(MlflowConfig(uri=server.uri, experiment="lost"), FACTS, run_dir)
    trackers = Trackers([JsonLines(run_dir / METRICS), mlflow])
    log(trackers, 0, 20)
    while not mlflow.run_id:
        time.sleep(0.1)
    wait_for(MlflowClient(server.store), mlflow.run_id, 10)
    log(trackers, 20, 40)
    server.kill()  # in the midst of it
    log(trackers, 40, 80)
    sample = run_dir / "sadness.mp4"
    sample.write_bytes(b"a sample made while nobody listened")
    trackers.artifact(sample, "samples/step-000080")
    server.start()
    log(trackers, 80, STEPS)
    trackers.finish("done")

    lines = [json.loads(line) for line in (run_dir / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(STEPS))
    client = MlflowClient(server.uri)
    run = client.get_run(mlflow.run_id)
    assert run.info.status == "FINISHED"
    for number in (0, 17, 39):
        points = client.get_metric_history(mlflow.run_id, f"train/m{number}")
        assert [(p.step, p.value, p.timestamp) for p in points] == [
            (line["step"], line[f"train/m{number}"], round(1000 * line["time"])) for line in lines
        ]
    assert len(client.search_runs([run.info.experiment_id])) == 1
    files = client.list_artifacts(mlflow.run_id, "samples/step-000080")
    assert [file.path for file in files] == ["samples/step-000080/sadness.mp4"]
