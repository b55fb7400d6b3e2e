"""MLflow's own database in a file: whole, or not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.tracking.database import make_database

MAKE = "import sys; from emotalk.tracking.database import make_database; make_database(sys.argv[1])"


def making(uri: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", MAKE, uri], stderr=subprocess.DEVNULL)


def works(uri: str) -> bool:
    client = MlflowClient(tracking_uri=uri)
    return bool(client.get_experiment(client.create_experiment("one")).name == "one")


def test_a_process_killed_while_it_makes_the_tables_leaves_no_database(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    process = making(f"sqlite:///{path}")
    until = time.monotonic() + 60
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
