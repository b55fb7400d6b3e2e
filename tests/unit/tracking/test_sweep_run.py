"""A sweep has one run of its own in MLflow, with its runs below it and its best run named."""

from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from emotalk.tracking import sweep_run
from emotalk.tracking.run_identity import read_identity
from emotalk.tracking.sweep_run import SweepResult, log_sweep, open_sweep

PARAMS = {"seed": "1,2"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    MlflowClient(uri).create_experiment("tests", artifact_location=str(folder / "artifacts"))
    return uri


def opened(folder: Path, uri: str) -> str:
    return open_sweep(folder, uri=uri, experiment="tests", name=folder.name, params=PARAMS)


def active(uri: str, name: str) -> list[str]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("tests")
    runs = client.search_runs(
        [experiment.experiment_id], f"tags.`emotalk.sweep` = '{name}'", ViewType.ACTIVE_ONLY
    )
    return [run.info.run_id for run in runs]


def test_the_first_task_makes_it_and_the_others_find_it(tmp_path: Path, uri: str) -> None:
    run_id = opened(tmp_path, uri)
    assert opened(tmp_path, uri) == run_id
    assert active(uri, tmp_path.name) == [run_id]
    assert MlflowClient(uri).get_run(run_id).data.params == PARAMS
    assert read_identity(tmp_path)["run_id"] == run_id


def test_of_two_that_make_one_at_once_one_stays(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    won: list[str] = []
    real = sweep_run._claim

    def late(*words: Any) -> bool:
        monkeypatch.setattr(sweep_run, "_claim", real)
        won.append(opened(tmp_path, uri))  # another task comes in between
        return real(*words)

    monkeypatch.setattr(sweep_run, "_claim", late)
    assert opened(tmp_path, uri) == won[0]
    assert active(uri, tmp_path.name) == won


def test_a_deleted_one_is_made_anew(tmp_path: Path, uri: str) -> None:
    first = opened(tmp_path, uri)
    MlflowClient(uri).delete_run(first)
    second = opened(tmp_path, uri)
    assert second != first
    assert opened(tmp_path, uri) == second


def test_table_and_best_run_are_sent_and_every_run_is_put_below(tmp_path: Path, uri: str) -> None:
    parent = opened(tmp_path, uri)
    client = MlflowClient(uri)
    experiment = client.get_run(parent).info.experiment_id
    children = [client.create_run(experiment).info.run_id for _ in range(2)]
    table = tmp_path / "sweep.md"
    table.write_text("| run |\n")
    for status in ("RUNNING", "FINISHED"):
        result = SweepResult(children, {"best/psnr": 30.5}, "001", children[1], table, status)
        assert log_sweep(tmp_path, uri, result) == parent
        run = client.get_run(parent)
        assert run.info.status == status
    assert run.data.metrics == {"best/psnr": 30.5}
    assert (run.data.tags["best_run"], run.data.tags["best_run_id"]) == ("001", children[1])
    assert [file.path for file in client.list_artifacts(parent)] == ["sweep.md"]
    below = [client.get_run(child).data.tags["mlflow.parentRunId"] for child in children]
    assert below == [parent, parent]


def test_without_a_run_nothing_is_sent(tmp_path: Path) -> None:
    result = SweepResult([], {}, "", "", tmp_path / "none", "FINISHED")
    assert log_sweep(tmp_path, "http://127.0.0.1:9", result) == ""
