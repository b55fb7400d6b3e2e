"""The promises of the proof on real faces, read from a report."""

import json
from pathlib import Path

import pytest

from emotalk.evaluation.report import DriftLoss, DriftReport, Report, Value
from launch.proof_limits import limits_of, told

KEPT = {
    "mouth_correlation": {"generated": 0.80, "other_speech": 0.10},
    "mouth_amplitude": {"generated": 0.75},
    "sync_within_1": {"generated": 0.95},
    "closure_auc": {"generated": 0.93},
    "nlmd_mouth": {"generated": 0.0060, "repeat": 0.0080},
    "psnr_mouth": {"generated": 28.0, "repeat": 26.5},
}


def value(mean: float) -> Value:
    return Value(mean=mean, low=0.0, high=1.0, clips=60, undefined=0, actors=1)


def report_of(figures: dict[str, dict[str, float]]) -> Report:
    return Report(
        inputs={},
        where={},
        judges={},
        clips=60,
        actors=("s1",),
        condition="first_frame",
        figures={
            name: {row: value(mean) for row, mean in rows.items()} for name, rows in figures.items()
        },
        emotion=None,
        as_reported=None,
        left_out={},
        caveats=(),
        per_clip={},
    )


def broken(figures: dict[str, dict[str, float]]) -> list[str]:
    return [limit.promise for limit in limits_of(report_of(figures)) if not limit.kept]


def test_a_report_that_reaches_every_limit_keeps_all_promises() -> None:
    assert broken(KEPT) == []


@pytest.mark.parametrize(
    ("quantity", "row", "value", "promise"),
    [
        ("mouth_correlation", "generated", 0.74, "correlation in speech"),
        ("mouth_correlation", "other_speech", 0.51, "above another"),
        ("mouth_amplitude", "generated", 0.69, "motion over"),
        ("mouth_amplitude", "generated", 1.31, "motion over"),
        ("sync_within_1", "generated", 0.89, "in sync"),
        ("closure_auc", "generated", 0.89, "P, B, M"),
        ("nlmd_mouth", "generated", 0.0065, "NLMD"),
        ("psnr_mouth", "generated", 26.4, "PSNR"),
    ],
)
def test_each_figure_that_falls_short_breaks_its_own_promise(
    quantity: str, row: str, value: float, promise: str
) -> None:
    figures = {**KEPT, quantity: {**KEPT[quantity], row: value}}
    (found,) = broken(figures)
    assert promise in found


def test_the_sharpness_is_told_beside_the_true_videos_and_breaks_no_promise() -> None:
    sharpness = {"generated": 0.763, "reencoded": 0.951, "repeat": 0.953}
    (line,) = told(report_of({**KEPT, "sharpness_mouth": sharpness}))
    assert (line.found, line.kept) == ("0.763", None)
    assert "re-encoded 0.951, still 0.953" in line.asked


def test_what_a_long_video_costs_is_told() -> None:
    worse = {
        "ssim": DriftLoss(share=0.04, low=0.0, high=0.1, clips=37),
        "lips_in_silence": DriftLoss(share=0.17, low=0.07, high=0.25, clips=37),
    }
    drift = DriftReport(
        actor="s1", seconds=120, clips=40, different_clips=40, windows={}, worse=worse
    )
    *_, line = told(report_of(KEPT).model_copy(update={"drift": drift}))
    assert (line.found, line.kept) == ("lips_in_silence +17.0 % [+7.0, +25.0]", None)
    assert "than alone" in line.promise, "as in reports of before the shorter videos"
    newer = drift.model_copy(update={"worse": {}, "worse_than_alone": worse})
    *_, length, alone = told(report_of(KEPT).model_copy(update={"drift": newer}))
    assert (length.found, alone.found) == ("no figure", line.found)


@pytest.mark.parametrize("quantity", KEPT)
def test_a_figure_that_is_missing_is_no_kept_promise(quantity: str) -> None:
    assert broken({name: rows for name, rows in KEPT.items() if name != quantity})


def test_the_command_refuses_a_folder_without_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from launch.proof_limits import main

    (tmp_path / "report.json").write_text(json.dumps({"format": "x"}), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["proof_limits.py", str(tmp_path), str(tmp_path)])
    assert main() == 2
    assert "no report" in capsys.readouterr().err
