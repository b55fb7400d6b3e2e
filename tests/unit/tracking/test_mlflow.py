"""MLflow holds the run's figures; a lost server neither stops nor slows the training."""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotalk.config.tracking import MlflowConfig
from emotalk.errors import WrongUse
from emotalk.tracking import mlflow as tracking
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker, tracking_uri
from emotalk.tracking.params import RunFacts
from emotalk.tracking.tracker import Trackers

FACTS = RunFacts(name="first", params={"data.frames": "25"}, tags={"shards": "s"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # where a new experiment's artifacts go
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_never_answers_holds_nobody_up(
    folder: Path,
    silent_server: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(tracking.FLUSH_S, "done", 1.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    logging.getLogger("emotalk").propagate = True
    mlflow = MlflowTracker(MlflowConfig(uri=silent_server), FACTS, folder)
    trackers = Trackers([JsonLines(folder / METRICS), mlflow])
    begun = time.process_time()
    for step in range(1000):
        trackers.log(step, {"train/loss": 1.0})
    assert time.process_time() - begun < 10.0, "logging works on, whoever listens"
    trackers.finish("done")
    assert "MLflow did not take everything within 1 s" in caplog.text
    mlflow._thread.join(60)
    assert not mlflow._thread.is_alive(), "what is left waits for the next start"
    assert len((folder / METRICS).read_text().splitlines()) == 1000
    assert mlflow._watcher.wait(60) == 0, "it was told that the training has ended"


def test_an_address_whose_secret_was_masked_is_refused(folder: Path) -> None:
    with pytest.raises(WrongUse, match=r"tracking\.mlflow\.uri: .*give the whole address again"):
        MlflowTracker(MlflowConfig(uri="http://***@server"), FACTS, folder)
    assert list(folder.iterdir()) == []


def test_the_uri_comes_from_config_then_environment_then_a_local_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking")
    assert tracking_uri(MlflowConfig(uri="sqlite:///a.db")) == "sqlite:///a.db"
    assert tracking_uri(MlflowConfig()) == "http://tracking"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri(MlflowConfig()) == "sqlite:///mlflow.db"


def test_a_process_is_forked_only_when_no_module_is_half_imported() -> None:
    """A loader worker would wait for ever for a module that a thread was importing."""
    importing, imported = threading.Event(), []

    def slow_import() -> None:
        with tracking.IMPORT:
            importing.set()
            time.sleep(0.2)
            imported.append(1)

    thread = threading.Thread(target=slow_import)
    thread.start()
    importing.wait()
    child = os.fork()
    if not child:  # a forked process takes the lock as it likes
        os._exit(len(imported) if tracking.IMPORT.acquire(timeout=5) else 9)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
