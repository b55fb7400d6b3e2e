"""What stands in the run folder reaches MLflow whole, once, whatever the server does."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from mlflow.tracking import MlflowClient

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking import mlflow as module
from emotalk.tracking import mlflow_run
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines, append, cut_back
from emotalk.tracking.mlflow import ARTIFACTS, MlflowTracker
from emotalk.tracking.mlflow_run import MlflowRun
from emotalk.tracking.params import RunFacts
from emotalk.tracking.run_identity import IDENTITY, read_identity
from tests.helpers.mlflow_server import free_port

ROOT = Path(__file__).parents[3]
FACTS = RunFacts(name="first", params={"data.frames": "25"}, tags={"shards": "s"})


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for the whole file: making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    MlflowClient(uri).create_experiment("tests", artifact_location=str(folder / "artifacts"))
    return uri


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    for state in module.FLUSH_S:
        monkeypatch.setitem(module.FLUSH_S, state, 60.0)
    return tmp_path


def deliver(
    folder: Path, uri: str, state: str = "done", *, facts: RunFacts = FACTS, run_id: str = ""
) -> str:
    """Send what the folder holds as at the end of a run; return the run's id."""
    config = MlflowConfig(uri=uri, experiment="tests")
    MlflowTracker(config, facts, folder, run_id=run_id).finish(state)
    return read_identity(folder)["run_id"]


def log(folder: Path, step: int, **figures: float) -> None:
    names = {name.replace("__", "/"): value for name, value in figures.items()}
    JsonLines(folder / METRICS).log(step, names)


def history(uri: str, run_id: str, name: str) -> list[tuple[int, float]]:
    points = MlflowClient(uri).get_metric_history(run_id, name)
    return [(point.step, point.value) for point in points]


def test_figures_params_tags_and_files_arrive_in_one_run_that_is_continued(
    folder: Path, uri: str
) -> None:
    for step in range(1, 6):
        log(folder, step, train__loss=1.0 / step, train__lr=0.1)
    sample = folder / "happiness.mp4"
    sample.write_bytes(b"video")
    append(folder / ARTIFACTS, {"path": str(sample), "folder": "samples/step-000005"})
    run_id = deliver(folder, uri, "preempted")
    client = MlflowClient(uri)
    run = client.get_run(run_id)
    assert run.info.status == "SCHEDULED"
    assert run.info.run_name == "first"
    assert run.data.params == {"data.frames": "25"}
    assert run.data.tags["shards"] == "s"
    files = client.list_artifacts(run_id, "samples/step-000005")
    assert [(file.path, file.file_size) for file in files] == [
        ("samples/step-000005/happiness.mp4", 5)
    ]
    log(folder, 6, train__loss=0.0)
    later = RunFacts(name="first", params={"data.frames": "32"}, tags={"shards": "moved"})
    assert deliver(folder, uri, facts=later) == run_id
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"data.frames": "25"}, "MLflow lets no param change"
    assert run.data.tags["shards"] == "moved"
    expected = [(step, 1.0 / step) for step in range(1, 6)] + [(6, 0.0)]
    assert history(uri, run_id, "train/loss") == expected


def test_steps_made_again_after_a_crash_stand_once_and_as_they_were_first(
    folder: Path, uri: str
) -> None:
    for step in (1, 2, 3, 4):
        log(folder, step, train__loss=float(step))
    log(folder, 4, validation__psnr=30.0)
    run_id = deliver(folder, uri, "failed")
    assert MlflowClient(uri).get_run(run_id).info.status == "FAILED"
    assert cut_back(folder / METRICS, 2) == 3  # continues from the checkpoint of step 2
    for step in (3, 4, 5):
        log(folder, step, train__loss=step + 0.5)
    log(folder, 4, validation__psnr=31.0, validation__ssim=0.9)
    assert deliver(folder, uri) == run_id
    assert history(uri, run_id, "train/loss") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 5.5)]
    assert history(uri, run_id, "validation/psnr") == [(4, 30.0)]
    assert history(uri, run_id, "validation/ssim") == [(4, 0.9)]


def test_more_figures_than_a_call_takes_all_arrive(folder: Path, uri: str) -> None:
    for step in range(1, 4):
        JsonLines(folder / METRICS).log(step, {f"m/{n:04d}": n + step for n in range(1200)})
    for step in range(4, 40):
        log(folder, step, a=1.0, b=2.0, c=float("nan"))
    run_id = deliver(folder, uri)
    data = MlflowClient(uri).get_run(run_id).data
    assert len(data.metrics) == 1203
    assert history(uri, run_id, "m/1199") == [(step, 1199.0 + step) for step in range(1, 4)]
    assert len(history(uri, run_id, "c")) == 36


def test_what_a_dead_server_missed_goes_to_the_next_start(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(1, 4):
        log(folder, step, train__loss=float(step))
    with monkeypatch.context() as patch:
        patch.setitem(module.FLUSH_S, "done", 3.0)
        assert deliver(folder, f"http://127.0.0.1:{free_port()}") == ""
    run_id = deliver(folder, uri)
    assert history(uri, run_id, "train/loss") == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_run_that_the_server_does_not_know_begins_anew_with_all_its_figures(
    folder: Path, uri: str
) -> None:
    log(folder, 1, train__loss=1.0)
    run_id = deliver(folder, uri, run_id="0" * 32)
    assert run_id not in ("", "0" * 32)
    assert history(uri, run_id, "train/loss") == [(1, 1.0)]


def test_a_run_whose_making_was_not_answered_is_found_by_its_key(folder: Path, uri: str) -> None:
    run_id = deliver(folder, uri)
    known = read_identity(folder)
    assert MlflowClient(uri).get_run(run_id).data.tags["emotalk.run"] == known["key"]
    (folder / IDENTITY).write_text(json.dumps({"uri": uri, "key": known["key"]}))
    assert deliver(folder, uri) == run_id


class Faulty(MlflowRun):
    """Fails in a way nobody thought of: before or after the server has taken the metrics."""

    faults: ClassVar[list[str]]

    def send_metrics(self, lines: Sequence[Mapping[str, Any]]) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise ZeroDivisionError("nobody thought of this")
        super().send_metrics(lines)
        if fault == "after":
            raise ZeroDivisionError("the answer was lost")


def test_any_exception_is_survived_said_and_tried_again(
    folder: Path, uri: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_run, "MlflowRun", Faulty)
    caplog.set_level(logging.INFO, "emotalk.mlflow")
    logging.getLogger("emotalk").propagate = True
    log(folder, 1, train__loss=1.0)
    Faulty.faults = ["before", "after", "before"]
    run_id = deliver(folder, uri)
    assert history(uri, run_id, "train/loss") == [(1, 1.0)], "arrived, and once"
    assert "ZeroDivisionError('nobody thought of this')" in caplog.text
    assert "answers again" in caplog.text


def test_figures_that_fail_again_and_again_do_not_keep_the_rest_back(
    folder: Path, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("emotalk").propagate = True
    log(folder, 1, train__loss=1.0)
    JsonLines(folder / METRICS).log(2, {"a name\nthat MLflow refuses": 1.0})
    sample = folder / "a.mp4"
    sample.write_bytes(b"video")
    append(folder / ARTIFACTS, {"path": str(sample), "folder": "samples"})
    run_id = deliver(folder, uri)
    assert "left out there" in caplog.text
    assert history(uri, run_id, "train/loss") == [(1, 1.0)], "the line beside it is taken"
    assert len(MlflowClient(uri).list_artifacts(run_id, "samples")) == 1
    assert MlflowClient(uri).get_run(run_id).info.status == "FINISHED"


def files_sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the files of every request."""
    sent: list[str] = []
    plain = MlflowClient.log_artifact

    def noted(client: MlflowClient, run_id: str, path: str, folder: str | None) -> None:
        sent.append(f"{folder}/{Path(path).name}")
        plain(client, run_id, path, folder)

    monkeypatch.setattr(MlflowClient, "log_artifact", noted)
    return sent


def test_a_file_is_sent_once_in_all_starts_and_to_a_new_run_again(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = files_sent(monkeypatch)
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(b"video")
        append(folder / ARTIFACTS, {"path": str(folder / name), "folder": "samples"})
        run_id = deliver(folder, uri)
    assert sent == ["samples/a.mp4", "samples/b.mp4"]
    MlflowClient(uri).delete_run(run_id)
    again = deliver(folder, uri)
    assert again != run_id
    assert sent[2:] == ["samples/a.mp4", "samples/b.mp4"]


@pytest.mark.parametrize("sent", [None, "many", -3, "9" * 5000])
def test_a_run_folder_without_a_usable_count_of_files_sends_them(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch, sent: object
) -> None:
    """Earlier versions kept none."""
    run_id = deliver(folder, uri)
    known = json.loads((folder / IDENTITY).read_text())
    assert known.pop("artifacts_sent") == 0
    counted = known if sent is None else {**known, "artifacts_sent": sent}
    (folder / IDENTITY).write_text(json.dumps(counted))
    (folder / "a.mp4").write_bytes(b"video")
    append(folder / ARTIFACTS, {"path": str(folder / "a.mp4"), "folder": "samples"})
    files = files_sent(monkeypatch)
    assert deliver(folder, uri) == run_id
    assert files == ["samples/a.mp4"]


@pytest.mark.parametrize("text", ["", "[]", "7", '{"run_id": ', '{"run_id": ["x"]}'])
def test_an_identity_that_is_none_makes_a_new_run(folder: Path, uri: str, text: str) -> None:
    (folder / IDENTITY).write_text(text)
    assert MlflowClient(uri).get_run(deliver(folder, uri)).info.status == "FINISHED"


def test_the_folder_keeps_server_key_and_run(folder: Path, uri: str) -> None:
    run_id = deliver(folder, uri)
    run = MlflowClient(uri).get_run(run_id)
    assert read_identity(folder) == {
        "uri": uri, "key": run.data.tags["emotalk.run"], "run_id": run_id,
        "experiment_id": run.info.experiment_id, "artifacts_sent": "0",
    }  # fmt: skip


ENDS_WITH_AN_ERROR = """
import sys
import time
from pathlib import Path
from emotalk.config.tracking import MlflowConfig
from emotalk.tracking import mlflow
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.params import RunFacts

folder, uri = Path(sys.argv[1]), sys.argv[2]
mlflow.FLUSH_S["failed"] = 100.0
config = MlflowConfig(uri=uri, experiment="tests")
tracker = mlflow.MlflowTracker(config, RunFacts("x", {}, {}), folder)
JsonLines(folder / "metrics.jsonl").log(1, {"train/loss": 1.0})
while not tracker.run_id:
    time.sleep(0.1)
JsonLines(folder / "metrics.jsonl").log(2, {"train/loss": 2.0})
raise ArithmeticError("not finite")
"""


def test_a_training_that_ends_with_an_error_is_failed_there_and_its_figures_are_sent(
    folder: Path, uri: str
) -> None:
    command = [sys.executable, "-c", ENDS_WITH_AN_ERROR, str(folder), uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "ArithmeticError: not finite" in done.stderr
    run_id = read_identity(folder)["run_id"]
    assert MlflowClient(uri).get_run(run_id).info.status == "FAILED"
    assert history(uri, run_id, "train/loss") == [(1, 1.0), (2, 2.0)]
