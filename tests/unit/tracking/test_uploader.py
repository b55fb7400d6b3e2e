"""What stands in the run folder reaches MLflow whole, once, whatever the server does."""

import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from mlflow.tracking import MlflowClient

from emotalk.tracking import uploader as module
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines, append, cut_back
from emotalk.tracking.mlflow import ARTIFACTS, FLUSH_S, IDENTITY, RunFacts, read_identity
from emotalk.tracking.mlflow_run import MlflowRun
from emotalk.tracking.uploader import Ending, Uploader
from tests.helpers.mlflow_server import free_port

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
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return tmp_path


def deliver(
    folder: Path,
    uri: str,
    state: str = "done",
    *,
    kind: type[MlflowRun] = MlflowRun,
    facts: RunFacts = FACTS,
    seconds: float = 60.0,
    run_id: str = "",
) -> str:
    """Upload what the folder holds as at the end of a run; return the run's id."""
    ending = Ending(io.BytesIO(), os.getppid())
    ending.end(state, seconds)
    connect = partial(kind, uri, "tests", facts, folder, run_id=run_id)
    Uploader(connect, folder, ending).work()
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


def test_what_a_dead_server_missed_goes_to_the_next_start(folder: Path, uri: str) -> None:
    for step in range(1, 4):
        log(folder, step, train__loss=float(step))
    assert deliver(folder, f"http://127.0.0.1:{free_port()}", seconds=0.5) == ""
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
    folder: Path, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "emotalk.mlflow")
    logging.getLogger("emotalk").propagate = True
    log(folder, 1, train__loss=1.0)
    Faulty.faults = ["before", "after", "before"]
    run_id = deliver(folder, uri, kind=Faulty)
    assert history(uri, run_id, "train/loss") == [(1, 1.0)], "arrived, and once"
    assert "ZeroDivisionError: nobody thought of this" in caplog.text
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


def watched(hear: int, training: int) -> tuple[Ending, list[int]]:
    """Return an ending that was waited for, and the codes with which it left the process."""
    left: list[int] = []
    with open(hear, "rb", buffering=0) as commands:
        ending = Ending(commands, training, left.append)
        ending.watch()
    return ending, left


def test_the_end_is_heard_though_another_process_holds_the_pipe() -> None:
    """As a forked loader worker does: the pipe never ends."""
    hear, say = os.pipe()
    with os.fdopen(say, "w") as pipe:
        pipe.write(json.dumps({"finish": "preempted", "seconds": 0.0}) + "\n")
        pipe.flush()
        ending, left = watched(hear, os.getppid())
        assert ending.state == "preempted"
        assert left == [1], "what is left over ends the process, in its own time"


def test_a_training_that_was_killed_is_noticed_though_another_process_holds_the_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FLUSH_S, "failed", 0.0)
    hear, say = os.pipe()
    with os.fdopen(say, "w"):
        ending, _ = watched(hear, os.getppid() + 1)  # the parent is another process by now
        assert ending.state == "failed"


def test_a_pipe_that_ends_without_a_word_is_a_training_that_was_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FLUSH_S, "failed", 0.0)
    hear, say = os.pipe()
    os.close(say)
    assert watched(hear, os.getppid())[0].state == "failed"
