"""Reports reach MLflow: the run of their training, or one of their own, or none."""

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from emotalk.checkpoints.format import ModelFacts, write_model
from emotalk.config.evaluate_tracking import ReportTrackingConfig
from emotalk.config.model import ModelConfig
from emotalk.evaluation.output import write_report
from emotalk.evaluation.report import Report
from emotalk.models import Generator
from emotalk.runs.report_tracking import report_figures, track_report
from emotalk.schema import EMOTIONS
from tests.helpers.reports import plain_report, plain_value


@pytest.fixture
def report(tmp_path: Path) -> Report:
    made = plain_report(inputs={"config": {"split": "test"}}, about={"model": "m"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mouth.png").write_bytes(b"no picture, but a file")
    write_report(tmp_path / "out", made, [])
    return made


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


def trained(folder: Path, uri: str, run_id: str) -> Path:
    """Return a run folder whose training has a run in MLflow."""
    config = ModelConfig(width=0.0625)
    generator = Generator(**config.generator_arguments(len(EMOTIONS)))
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=8)
    write_model(folder / "checkpoints/step-000007", generator.state_dict(), config, facts)
    (folder / "checkpoints/latest").write_text("step-000007\n")
    (folder / "mlflow.json").write_text(json.dumps({"uri": uri, "run_id": run_id, "key": "k"}))
    return folder


def artifacts(client: MlflowClient, run_id: str) -> list[str]:
    (folder,) = client.list_artifacts(run_id, "evaluation")
    return sorted(Path(file.path).name for file in client.list_artifacts(run_id, folder.path))


def test_figures_have_the_split_in_front_and_other_rows_a_name_of_their_own() -> None:
    report = plain_report(
        emotion={
            "emotions": ("anger",), "accuracy": {"generated": plain_value(0.5)},
            "confusion_generated": ((1,),), "confusion_truth": ((1,),), "recall_generated": {},
        }
    )  # fmt: skip
    figures = report_figures(report, "test")
    assert figures["test/psnr"] == 2.0
    assert figures["test/repeat/psnr"] == 1.0
    assert figures["test/emotion_accuracy"] == 0.5


def test_a_report_goes_to_the_run_of_its_training_whose_state_stays(
    tmp_path: Path, report: Report, uri: str
) -> None:
    client = MlflowClient(tracking_uri=uri)
    run_id = client.create_run("0").info.run_id
    run = trained(tmp_path / "run", uri, run_id)
    for _ in range(2):  # the second time, nothing stands there twice
        said = track_report(report, tmp_path / "out", ReportTrackingConfig(), run)
        assert f"run {run_id}" in said
    there = client.get_run(run_id)
    assert there.info.status == "RUNNING"
    assert there.data.metrics["test/psnr"] == 2.0
    assert len(client.get_metric_history(run_id, "test/psnr")) == 1
    assert artifacts(client, run_id) == ["mouth.png", "report.html", "report.json", "report.md"]


def test_without_a_training_it_becomes_one_run_of_its_own_where_a_server_is_given(
    tmp_path: Path, report: Report, uri: str
) -> None:
    config = ReportTrackingConfig(uri=uri, experiment="reports")
    for _ in range(2):
        assert "MLflow: sqlite" in track_report(report, tmp_path / "out", config)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("reports")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "out")
    assert run.data.metrics["test/repeat/psnr"] == 1.0
    assert len(client.get_metric_history(run.info.run_id, "test/psnr")) == 1


def test_videos_of_another_system_have_figures_of_pairs_in_a_run_of_their_own(
    tmp_path: Path, uri: str
) -> None:
    made = plain_report(inputs={"config": {"align": "auto"}, "generated_sha256": "0"})
    write_report(tmp_path, made, [])
    track_report(made, tmp_path, ReportTrackingConfig(uri=uri))
    (run,) = MlflowClient(tracking_uri=uri).search_runs(["1"])
    assert run.data.metrics["pairs/psnr"] == 2.0
    assert run.data.metrics["pairs/repeat/psnr"] == 1.0
    assert not [name for name in run.data.metrics if name.startswith("test/")]


def test_nothing_is_sent_where_tracking_is_off_or_no_server_is_known(
    tmp_path: Path, report: Report, uri: str
) -> None:
    off = ReportTrackingConfig(enabled=False, uri=uri)
    assert track_report(report, tmp_path / "out", off) == ""
    assert track_report(report, tmp_path / "out", ReportTrackingConfig()) == ""
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("known", "why"),
    [("sqlite:///mlflow.db", "its database is not below this folder"),
     ("https://***@mlflow.example", "it holds a secret"),
     ("", "no mlflow.json beside it the server")],
)  # fmt: skip
def test_a_server_that_is_not_to_be_found_from_here_is_said_with_what_to_do(
    tmp_path: Path, report: Report, uri: str, known: str, why: str
) -> None:
    run = trained(tmp_path / "run", known, "0123456789abcdef0123456789abcdef")
    said = track_report(report, tmp_path / "out", ReportTrackingConfig(), run)
    assert why in said
    assert "tracking.uri=URI" in said
    assert not (tmp_path / "mlflow.db").exists()
    taken = track_report(report, tmp_path / "out", ReportTrackingConfig(uri=uri), run)
    assert "MLflow: sqlite" in taken  # the advice works; the run is unknown there


def test_a_server_that_does_not_answer_is_a_line_and_no_error(
    tmp_path: Path, report: Report, uri: str
) -> None:
    config = ReportTrackingConfig(uri="http://127.0.0.1:9")
    assert "did not take the report" in track_report(report, tmp_path / "out", config)
