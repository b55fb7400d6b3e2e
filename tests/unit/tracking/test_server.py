"""A database in a file is whole or not there; a deleted experiment takes no run."""

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.tracking.mlflow_run import MlflowRun
from emotalk.tracking.params import RunFacts
from emotalk.tracking.server import make_database, usable_experiment

MAKE = "import sys; from emotalk.tracking.server import make_database; make_database(sys.argv[1])"
FACTS = RunFacts(name="first", params={"seed": "1"}, tags={})


def making(uri: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", MAKE, uri], stderr=subprocess.DEVNULL)


def works(uri: str) -> bool:
    client = MlflowClient(tracking_uri=uri)
    return bool(client.get_experiment(client.create_experiment("one")).name == "one")


def test_a_process_killed_while_it_makes_the_tables_leaves_no_database(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    process = making(f"sqlite:///{path}")
    until = time.monotonic() + 300
    while not list(tmp_path.glob(".*.part")) and time.monotonic() < until:
        time.sleep(0.005)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    make_database(f"sqlite:///{path}")
    assert works(f"sqlite:///{path}")


def test_two_that_begin_at_once_make_one_database(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    processes = [making(uri) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert works(uri)


def test_a_database_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    make_database(f"sqlite:///{path}")
    before = path.read_bytes()
    make_database(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize("uri", ["http://localhost:1", "sqlite://", "sqlite:///:memory:", "mlruns"])
def test_what_is_no_file_of_ours_is_left_to_mlflow(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_database(uri)
    assert os.listdir(tmp_path) == []


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


def opened(uri: str, key: str, run_id: str = "") -> MlflowRun:
    return MlflowRun(uri, "faces", FACTS, key, run_id)


def test_runs_go_beside_a_deleted_experiment_and_the_advice_brings_it_back(
    uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("emotalk").propagate = True
    client = MlflowClient(uri)
    first = opened(uri, "first")
    deleted = client.get_run(first.run_id).info.experiment_id
    client.delete_experiment(deleted)

    first = opened(uri, "first", first.run_id)  # contact was lost meanwhile, or it is started again
    first.send_metrics([{"step": 3, "time": 1.0, "train/loss": 0.5}])
    again = client.get_run(first.run_id)
    assert client.get_experiment(again.info.experiment_id).name == "faces-2"
    assert again.data.metrics == {"train/loss": 0.5}
    assert client.get_experiment(deleted).lifecycle_stage == "deleted", "nothing is undone"

    second = opened(uri, "second")
    assert client.get_run(second.run_id).info.experiment_id == again.info.experiment_id
    assert caplog.text.count("runs go to 'faces-2'") >= 1

    advice = re.search(r"(mlflow experiments restore \S+ \S+) \(with (\S+)=(\S+)\)", caplog.text)
    assert advice is not None
    subprocess.run(
        [sys.executable, "-m", *advice[1].split()], check=True, capture_output=True,
        env={**os.environ, advice[2]: advice[3]},
    )  # fmt: skip
    assert client.get_experiment(usable_experiment(client, "faces")).name == "faces"
    third = opened(uri, "third")
    assert client.get_run(third.run_id).info.experiment_id == deleted


def test_the_first_name_that_was_not_deleted_is_taken(uri: str) -> None:
    client = MlflowClient(uri)
    for name in ("faces", "faces-2"):
        client.delete_experiment(client.create_experiment(name))
    for name, used in (("faces", "faces-3"), ("others", "others")):
        assert client.get_experiment(usable_experiment(client, name)).name == used
