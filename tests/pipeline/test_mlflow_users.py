"""A team's MLflow server: with user and password, artifacts through it, a sweep on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker
from emotalk.tracking.params import RunFacts
from emotalk.tracking.run_identity import IDENTITY, read_identity
from emotalk.tracking.sweep_run import SweepResult, log_sweep, open_sweep
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.tiny_training import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PASSWORD = "a-long-pass-word"  # noqa: S105  of a server that lives for this test


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    """Start a server as slurm/README.md says, with the files of its example."""
    text = (ROOT / "launch" / "mlflow_auth.ini.example").read_text(encoding="utf-8")
    ini = tmp_path / "mlflow_auth.ini"
    database = f"sqlite:///{tmp_path / 'users.db'}"
    ini.write_text(text.replace("sqlite:////srv/mlflow/users.db", database).replace(
        "CHANGE-THIS-PASSWORD", PASSWORD
    ))  # fmt: skip
    assert PASSWORD in ini.read_text()
    assert database in ini.read_text()
    settings = {"MLFLOW_AUTH_CONFIG_PATH": str(ini), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test"}
    server = MlflowServer(tmp_path / "server", ["--app-name", "basic-auth"], settings)
    server.folder.mkdir()
    server.start()
    yield server
    server.kill()


def test_a_run_and_its_sweep_reach_a_server_that_asks_for_a_password(
    server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    with pytest.raises(MlflowException, match="authenticated"):
        MlflowClient(server.uri).search_experiments()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    sweep, run = tmp_path / "sweep", tmp_path / "sweep" / "000-seed=1"
    run.mkdir(parents=True)
    parent = open_sweep(
        sweep, uri=server.uri, experiment="emotalk", name="sweep", params={"seed": "1"}
    )
    sample = run / "sample.mp4"
    sample.write_bytes(b"a video")
    tracker = MlflowTracker(
        MlflowConfig(uri=server.uri),
        RunFacts(name="000", params={}, tags={"mlflow.parentRunId": parent}),
        run,
    )
    JsonLines(run / METRICS).log(5, {"validation/psnr_mouth": 30.0})
    tracker.artifact(sample, "samples")
    tracker.finish("done")
    child = read_identity(run)["run_id"]
    (sweep / "sweep.md").write_text("the table\n")
    log_sweep(
        sweep,
        server.uri,
        SweepResult([child], {}, "000-seed=1", child, sweep / "sweep.md", "FINISHED"),
    )
    client = MlflowClient(server.uri)
    seen = client.get_run(child)
    assert seen.data.metrics == {"validation/psnr_mouth": 30.0}
    assert seen.data.tags["mlflow.parentRunId"] == parent
    assert seen.info.artifact_uri.startswith("mlflow-artifacts:")
    fetched = client.download_artifacts(child, "samples/sample.mp4", str(tmp_path))
    assert Path(fetched).read_bytes() == b"a video"
    assert [file.path for file in client.list_artifacts(parent)] == ["sweep.md"]
    for folder in (run, sweep):
        assert PASSWORD not in (folder / IDENTITY).read_text()
