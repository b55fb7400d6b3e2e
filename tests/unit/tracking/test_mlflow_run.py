"""One run on a server: found or made, told what it lacks, closed as the training ended."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from emotalk.tracking import mlflow_run as module
from emotalk.tracking.mlflow_run import METRICS_A_CALL, MlflowRun
from emotalk.tracking.params import RunFacts

FACTS = RunFacts(name="first", params={"data.frames": "25", "seed": "3"}, tags={"shards": "s"})


class Server:
    """Keeps runs as MLflow does, as far as they are asked for."""

    tracking_uri = "http://server"

    def __init__(self) -> None:
        self.runs: dict[str, SimpleNamespace] = {}
        self.figures: dict[tuple[str, str], list[tuple[int, float, int]]] = {}
        self.files: dict[tuple[str, str], dict[str, int]] = {}
        self.calls: list[str] = []

    def get_experiment_by_name(self, name: str) -> Any:
        return (
            SimpleNamespace(experiment_id="7", lifecycle_stage="active")
            if name == "tests"
            else None
        )

    def create_experiment(self, name: str) -> str:
        self.calls.append(f"experiment {name}")
        return "8"

    def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> Any:
        run_id = f"run{len(self.runs)}"
        self.runs[run_id] = SimpleNamespace(
            name=run_name, experiment=experiment, tags=dict(tags), params={}, status="RUNNING",
            deleted=False,
        )  # fmt: skip
        return self.get_run(run_id)

    def get_run(self, run_id: str) -> Any:
        if run_id not in self.runs:
            raise MlflowException("no such run", error_code=RESOURCE_DOES_NOT_EXIST)
        run = self.runs[run_id]
        last = [
            SimpleNamespace(key=name, step=max(step for step, *_ in points))
            for (owner, name), points in self.figures.items()
            if owner == run_id
        ]
        data = SimpleNamespace(params=run.params, to_proto=lambda: SimpleNamespace(metrics=last))
        stage = "deleted" if run.deleted else "active"
        info = SimpleNamespace(
            run_id=run_id, status=run.status, lifecycle_stage=stage, experiment_id="7"
        )
        return SimpleNamespace(info=info, data=data)

    def search_runs(self, experiments: list[str], query: str) -> list[Any]:
        return [
            self.get_run(run_id)
            for run_id, run in self.runs.items()
            if f"'{run.tags['emotalk.run']}'" in query and run.experiment in experiments
        ]

    def log_batch(
        self, run_id: str, metrics: Sequence[Metric] = (), params: Any = (), tags: Any = ()
    ) -> None:
        assert len(metrics) <= METRICS_A_CALL
        assert len(params) <= 100
        for metric in metrics:
            points = self.figures.setdefault((run_id, metric.key), [])
            points.append((metric.step, metric.value, metric.timestamp))
        self.runs[run_id].params.update({param.key: param.value for param in params})
        self.runs[run_id].tags.update({tag.key: tag.value for tag in tags})

    def update_run(self, run_id: str, status: str) -> None:
        self.runs[run_id].status = status

    def set_terminated(self, run_id: str, status: str) -> None:
        self.runs[run_id].status = status

    def list_artifacts(self, run_id: str, folder: str) -> list[Any]:
        files = self.files.get((run_id, folder), {})
        return [SimpleNamespace(path=path, file_size=size) for path, size in files.items()]

    def log_artifact(self, run_id: str, path: str, folder: str | None) -> None:
        self.calls.append(f"{folder}/{Path(path).name}")
        files = self.files.setdefault((run_id, folder or ""), {})
        files[f"{folder}/{Path(path).name}"] = Path(path).stat().st_size


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(module, "MlflowClient", lambda tracking_uri: server)
    return server


def opened(run_id: str = "", facts: RunFacts = FACTS) -> MlflowRun:
    return MlflowRun("http://server", "tests", facts, "the key", run_id)


def test_a_new_run_has_name_params_tags_and_the_key(server: Server) -> None:
    run = opened()
    made = server.runs[run.run_id]
    assert (made.name, made.experiment) == ("first", "7")
    assert made.tags == {"emotalk.run": "the key", "shards": "s"}
    assert made.params == FACTS.params


def test_a_run_that_goes_on_keeps_its_params_and_takes_new_tags(server: Server) -> None:
    first = opened()
    first.end("preempted")
    assert server.runs[first.run_id].status == "SCHEDULED"
    facts = RunFacts("later", {"data.frames": "32", "stages.fine.iterations": "9"}, {"x": "y"})
    again = opened(first.run_id, facts)
    assert again.run_id == first.run_id
    run = server.runs[first.run_id]
    assert run.status == "RUNNING"
    assert run.params == {"data.frames": "25", "seed": "3", "stages.fine.iterations": "9"}
    assert run.tags["x"] == "y"


def test_more_params_than_a_call_takes_go_in_several(server: Server) -> None:
    params = {f"p{number}": str(number) for number in range(250)}
    run = opened(facts=RunFacts("many", params, {"x": "y"}))
    assert server.runs[run.run_id].params == params
    assert server.runs[run.run_id].tags["x"] == "y"


@pytest.mark.parametrize(
    ("state", "status"),
    [("done", "FINISHED"), ("preempted", "SCHEDULED"), ("failed", "FAILED"), ("?", "FAILED")],
)
def test_each_end_has_its_status(server: Server, state: str, status: str) -> None:
    run = opened()
    run.end(state)
    assert server.runs[run.run_id].status == status


def lines(steps: Sequence[int], *names: str) -> list[dict[str, float]]:
    return [{"step": s, "time": 100.0 + s, **dict.fromkeys(names, s / 2)} for s in steps]


def test_figures_arrive_with_step_value_and_time_and_never_twice(
    server: Server,
) -> None:
    run = opened()
    run.send_metrics(lines([1, 2], "a", "b"))
    run.send_metrics(lines([2, 3], "a"))
    assert server.figures[run.run_id, "a"] == [
        (1, 0.5, 101_000), (2, 1.0, 102_000), (3, 1.5, 103_000),
    ]  # fmt: skip
    assert server.figures[run.run_id, "b"] == [(1, 0.5, 101_000), (2, 1.0, 102_000)]
    # after a loss of contact the server itself says what it has
    run = opened(run.run_id)
    run.send_metrics(lines([1, 2, 3, 4], "a", "b"))
    assert [step for step, *_ in server.figures[run.run_id, "a"]] == [1, 2, 3, 4]
    assert [step for step, *_ in server.figures[run.run_id, "b"]] == [1, 2, 3, 4]


def test_more_than_a_call_takes_goes_in_several(server: Server) -> None:
    run = opened()
    names = [f"m{number:04d}" for number in range(METRICS_A_CALL + 1)]
    run.send_metrics(lines([1], *names))
    assert len(server.figures) == METRICS_A_CALL + 1


def test_what_is_no_log_line_is_passed_over(server: Server) -> None:
    run = opened()
    run.send_metrics([{"a": 1.0}, {"step": 1, "a": 1.0}, {"time": 1.0, "a": 1.0}])
    assert server.figures == {}


def test_a_file_that_is_gone_is_left_out(server: Server, tmp_path: Path) -> None:
    opened().send_files([{"path": str(tmp_path / "gone.mp4"), "folder": "samples"}])
    assert server.calls == []


def test_a_run_deleted_there_begins_anew(server: Server) -> None:
    first = opened()
    server.runs[first.run_id].deleted = True
    server.runs[first.run_id].tags["emotalk.run"] = "gone"
    assert opened(first.run_id).run_id != first.run_id


def test_a_run_whose_making_was_not_answered_is_found_by_its_key(server: Server) -> None:
    first = opened()
    assert opened().run_id == first.run_id
    assert len(server.runs) == 1
