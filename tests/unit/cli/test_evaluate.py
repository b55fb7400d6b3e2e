"""The three forms of `emotalk evaluate` ask for what they need and refuse what they cannot use."""

from pathlib import Path

import pytest

from emotalk.config.evaluate_tracking import ReportTrackingConfig
from tests.helpers.made_reports import made_report
from tests.unit.cli.test_commands import run

PAIRS = ("--pairs", "videos", "--output", "out")
COMPARE = ("--compare", "a", "b", "--output", "out")
MODEL = ("--checkpoint", "run", "--shards", "shards")


def output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    code = run(monkeypatch, "evaluate", *arguments)
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "out"), "--checkpoint and --shards missing"),
        ((*MODEL[:2], "--output", "out"), "evaluate: --shards missing"),
        ((*MODEL[2:], "--output", "out"), "evaluate: --checkpoint missing"),
        ((*PAIRS, "--shards", "s"), "--pairs goes without --shards"),
        ((*PAIRS, "--split", "val"), "--pairs goes without --split"),
        ((*COMPARE, *MODEL), "--compare goes without --checkpoint, --shards"),
        ((*COMPARE, "--pairs", "p", "--as-reported"), "without --pairs, --as-reported"),
        ((*COMPARE, "--config", "x.yaml"), "--compare goes without --config"),
        ((*PAIRS, "landmarks=judge"), "align must be none"),
        ((*PAIRS, "align=sideways"), "align"),
        (PAIRS, "pairs: videos is no folder"),
        (COMPARE, "no report can be read here"),
    ],
)
def test_what_is_missing_or_too_much_is_one_message(
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, told = output(monkeypatch, capsys, *arguments)
    assert code == 2
    assert message in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((*MODEL, "--output", "out"), "split: test"),
        ((*MODEL, "--output", "out", "--split", "val"), "split: val"),
        ((*MODEL, "--output", "out", "--as-reported"), "as_reported: true"),
        ((*MODEL, "--output", "out"), "as_reported: false"),
        ((*PAIRS, "--as-reported"), "as_reported: true"),
        ((*PAIRS, "max_frames_apart=0"), "max_frames_apart: 0"),
        ((*PAIRS, "tracking.experiment=e"), "  experiment: e"),
        ((*COMPARE, "seed=3"), "seed: 3"),
    ],
)
def test_options_are_settings(
    arguments: tuple[str, ...],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, told = output(monkeypatch, capsys, *arguments, "--dry-run")
    assert code == 0
    assert line in told.splitlines()


def test_a_file_chooses_the_split_where_the_command_line_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text("split: val\nas_reported: true\n")
    given = (*MODEL, "--output", "out", "--config", str(tmp_path / "c.yaml"), "--dry-run")
    told = output(monkeypatch, capsys, *given)[1]
    assert "split: val" in told
    assert "as_reported: true" in told


def test_a_report_on_pairs_is_sent_to_mlflow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = made_report({"a": {"psnr": 20.0}})
    sent: list[tuple[object, ...]] = []

    def send(*given: object) -> str:
        sent.append(given)
        return "sent"

    monkeypatch.setattr("emotalk.evaluation.pairs.evaluate.evaluate_pairs", lambda config: report)
    monkeypatch.setattr("emotalk.runs.report_tracking.track_report", send)
    monkeypatch.chdir(tmp_path)
    code, told = output(monkeypatch, capsys, *PAIRS, "tracking.uri=http://server")
    assert code == 0
    assert told.splitlines()[-1] == "sent"
    ((made, folder, tracking),) = sent
    assert (made, folder) == (report, Path("out"))
    assert tracking == ReportTrackingConfig(uri="http://server")


def test_two_reports_are_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in (("a", 20.0), ("b", 21.0)):
        (tmp_path / name).mkdir()
        report = made_report({f"clip{number}": {"psnr": value} for number in range(6)})
        (tmp_path / name / "report.json").write_text(report.model_dump_json())
    monkeypatch.chdir(tmp_path)
    code, told = output(monkeypatch, capsys, *COMPARE)
    assert code == 0
    assert "B is better" in told
    assert "comparison: out/compare.md" in told
    assert (tmp_path / "out/compare.json").exists()
