import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk.logging_setup import PrintableFormatter
from emotalk.tracking.run_page import how_to_see, run_page

VIEW = "?workflowType=machine_learning"


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("http://host:5000", "http://host:5000"),
        ("https://host/mlflow/", "https://host/mlflow"),
        ("sqlite:////tmp/mlflow.db", "http://127.0.0.1:5000"),
    ],
)
def test_the_address_opens_the_run_in_the_view_of_trainings(uri: str, page: str) -> None:
    assert run_page(uri, "3", "abc") == f"{page}/#/experiments/3/runs/abc{VIEW}"


def test_a_database_is_told_with_the_command_that_serves_it() -> None:
    told = how_to_see("sqlite:////tmp/mlflow.db", "3", "abc")
    assert told.startswith("mlflow ui --backend-store-uri sqlite:////tmp/mlflow.db, then http://")
    assert how_to_see("http://host", "3", "abc").startswith("http://host/#/")


def test_a_secret_is_not_printed() -> None:
    assert "word" not in how_to_see("https://me:word@host", "3", "abc")


@pytest.mark.parametrize("uri", ["https://me:word@host/mlflow", "sqlite:////tmp/mlflow.db"])
def test_the_address_that_a_log_shows_opens_the_run(uri: str) -> None:
    told = how_to_see(uri, "3", "abc")
    record = logging.LogRecord("emotalk", logging.INFO, "f", 1, "MLflow: %s.", (told,), None)
    line = PrintableFormatter("%(message)s").format(record)
    assert line == f"MLflow: {told}."
    assert line.endswith(f"/#/experiments/3/runs/abc{VIEW}.")


def printed(folder: Path) -> str:
    command = [sys.executable, "-m", "emotalk.tracking.run_page", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_page_of_a_run_folder_is_printed(tmp_path: Path) -> None:
    assert printed(tmp_path) == "MLflow has given this run no page\n"
    known = {"uri": "sqlite:///a.db", "experiment_id": "1", "run_id": "r"}
    (tmp_path / "mlflow.json").write_text(json.dumps(known))
    assert printed(tmp_path) == f"http://127.0.0.1:5000/#/experiments/1/runs/r{VIEW}\n"
