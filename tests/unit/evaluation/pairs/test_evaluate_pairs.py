"""Pairs of drawn faces: the report says what each generated video is like."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.config.compare import CompareConfig
from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.ceilings import LandmarkCheck
from emotalk.evaluation.pairs import evaluate
from emotalk.evaluation.pairs.evaluate import evaluate_pairs
from emotalk.evaluation.pairs.measure import measure_pair
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_comparison.compare import compare_reports
from emotalk.evaluation.report_file import read_report
from emotalk.evaluation.results import ClipResults
from emotalk.media.resample import resample
from emotalk.schema import SAMPLE_RATE
from tests.helpers.drawn_shards import drawn_clip
from tests.helpers.pair_variants import RATE, Recording, variant, write_recording

NAMES = ("copy", "frozen", "late3", "other", "dubbed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pairs")
    own, other = (
        Recording(clip.frames_THWC, resample(clip.speech_S, SAMPLE_RATE, RATE))
        for clip in (drawn_clip(77, 0, text, "happiness", frames=40) for text in ("IEO", "TIE"))
    )
    for name in NAMES:
        write_recording(root / f"generated/ann/{name}.mp4", variant(name, own, other))
        write_recording(root / f"true/ann/{name}.mp4", own, crf=12)
    write_recording(root / "generated/ann/short.mp4", Recording(own.frames_THWC[:20], own.sound_S))
    write_recording(root / "true/ann/short.mp4", own)
    (root / "true/ann/alone.mp4").write_bytes(b"x")
    return root


def config_of(folder: Path, output: Path, **more: object) -> PairsConfig:
    tree = {"pairs": folder, "output": output, "landmarks": "judge", "align": "none"}
    return PairsConfig.model_validate(tree | more)


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return evaluate_pairs(config_of(folder, folder / "report", as_reported=True))


def figure(report: Report, name: str, quantity: str) -> float:
    value = report.per_clip[f"ann_{name}"]["generated"][quantity]
    assert isinstance(value, float)
    return value


def test_each_generated_video_is_judged_rightly(report: Report) -> None:
    correlation = {name: figure(report, name, "mouth_correlation") for name in NAMES}
    assert correlation["copy"] > 0.95
    assert correlation["dubbed"] == pytest.approx(correlation["copy"], abs=1e-6)
    assert correlation["frozen"] == 0
    assert correlation["other"] < 0.7
    assert figure(report, "copy", "sync_distance") == pytest.approx(0, abs=0.15)
    assert figure(report, "late3", "sync_distance") == pytest.approx(3, abs=0.15)
    assert figure(report, "copy", "psnr") > 30 > figure(report, "other", "psnr")


def test_the_baselines_are_those_of_every_report(report: Report) -> None:
    assert set(report.figures["psnr"]) == {"generated", "repeat", "reencoded"}
    assert report.figures["mouth_correlation"]["repeat"].mean == 0
    assert report.figures["mouth_correlation"]["generated"].over == "clips"


def test_what_was_left_out_and_what_differs_is_said(report: Report, folder: Path) -> None:
    assert report.left_out["true/ann/alone.mp4"] == "no generated/ann/alone.*"
    assert "20 frames at 25 Hz, the true one 40" in report.left_out["ann_short"]
    assert "another sound" in report.pair_notes["ann_dubbed"][0]
    page = (folder / "report/report.md").read_text()
    assert "## Differences within pairs" in page
    top = page.partition("## At a glance")[0]
    assert "- left out: 2, named under “Left out”" in top
    assert "ann_dubbed: the generated file has another sound" in page
    assert report.pair_notes["ann_late3"] == (
        "the generated mouth is the true one's, 3 frames (120 ms) late",
    )
    assert report.pair_notes["ann_frozen"] == ("the generated mouth does not move in speech",)
    assert "ann_copy" not in report.pair_notes
    assert "the 5 clips of one actor" in " ".join(page.split())
    assert max(map(len, page.splitlines())) <= 80
    assert (folder / "report/report.html").read_text().count("<video") >= 3


def test_faulty_figures_stand_beside_the_right_ones(report: Report, folder: Path) -> None:
    assert report.as_reported is not None
    page = (folder / "report/report.md").read_text()
    part = page.partition("## As reported")[2]
    for name, value in (("psnr", report.as_reported["psnr_of_wrapped_bytes"]),
                        ("nlmd", report.as_reported["nlmd_without_procrustes"])):  # fmt: skip
        digits = 2 if name == "psnr" else 5
        assert value.text(digits) in part
        assert report.figures[name]["generated"].text(digits) in part


def test_models_of_drawn_faces_are_said_to_know_no_others(report: Report) -> None:
    assert "The shipped models know drawn faces only; on photographs they are invalid." in (
        report.caveats
    )


def test_a_landmark_model_that_fails_on_the_true_clips_says_nothing_at_all(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "check_landmarks", lambda *_: LandmarkCheck(9.0, 0.0))
    rows = [f"generated/ann/{name}.mp4,true/ann/{name}.mp4" for name in ("late3", "frozen")]
    (tmp_path / "generated").symlink_to(folder / "generated")
    (tmp_path / "true").symlink_to(folder / "true")
    (tmp_path / "pairs.csv").write_text("\n".join(["generated,true", *rows]))
    found = evaluate_pairs(config_of(tmp_path, tmp_path / "b", videos=0, as_reported=True))
    (warning, *_) = found.warnings
    assert "NO FIGURES OF LANDMARKS AND LIPS" in warning
    assert found.pair_notes == {}, "the mouths were not measured"
    assert found.as_reported is not None
    assert found.as_reported.keys() == {"psnr_of_wrapped_bytes"}
    assert found.judges == {}
    assert found.identity_floor is None
    assert {name for name, rows in found.figures.items() if rows} >= {"psnr", "ssim"}
    assert not any(found.figures[name] for name in ("nlmd", "mouth_correlation", "sync_distance"))
    assert not (tmp_path / "b" / "mouth.png").exists()


def test_every_file_and_setting_is_an_input(report: Report, folder: Path, tmp_path: Path) -> None:
    evaluate_pairs(config_of(folder, folder / "report", as_reported=True))  # of the same inputs
    with pytest.raises(WrongUse, match="never overwritten"):
        evaluate_pairs(config_of(folder, folder / "report", seed=1))
    stored = json.loads((folder / "report/report.json").read_text())
    assert set(stored["inputs"]["true_files"]) == {f"ann_{n}" for n in (*NAMES, "short")}
    assert read_report(folder / "report").per_clip == report.per_clip


def test_of_two_pairs_each_is_compared_with_what_the_other_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"generated/ann/{name}.mp4,true/ann/{name}.mp4" for name in ("copy", "late3")]
    (tmp_path / "generated").symlink_to(folder / "generated")
    (tmp_path / "true").symlink_to(folder / "true")
    (tmp_path / "pairs.csv").write_text("\n".join(["generated,true", *rows]))
    others: list[int] = []

    def counted(*args: Any, **settings: Any) -> ClipResults:
        others.append(len(settings["others"]))
        return measure_pair(*args, **settings)

    monkeypatch.setattr(evaluate, "measure_pair", counted)
    evaluate_pairs(config_of(tmp_path, tmp_path / "b", videos=0))
    assert others == [1, 1]


def test_two_systems_are_compared_by_their_reports_on_the_same_true_files(
    report: Report, folder: Path, tmp_path: Path
) -> None:
    rows = [f"generated/ann/frozen.mp4,true/ann/{name}.mp4,ann,ann {name}" for name in NAMES]
    (tmp_path / "generated").symlink_to(folder / "generated")
    (tmp_path / "true").symlink_to(folder / "true")
    (tmp_path / "pairs.csv").write_text("\n".join(["generated,true,actor,name", *rows]))
    evaluate_pairs(config_of(tmp_path, tmp_path / "b"))
    found = compare_reports(
        CompareConfig(a=folder / "report", b=tmp_path / "b", output=tmp_path / "c")
    )
    assert (found.clips, found.only_in_a, found.only_in_b) == (5, (), ())
    lips = found.differences["mouth_correlation"]
    assert lips.b.mean == 0
    assert lips.a.mean is not None
    assert lips.difference.mean == pytest.approx(-lips.a.mean)
    assert lips.verdict == "undecided", "of five clips"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, r"give finder\.root=FOLDER.*or use two ONNX files by landmarks=onnx"),
        ({"landmarks": "onnx"}, r"finder\.detector is not given.*or use a pack of insightface"),
    ],
)
def test_a_detector_that_is_not_here_is_asked_for_by_the_settings_of_this_command(
    folder: Path, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    tree = {"pairs": folder, "output": tmp_path / "out", "finder": {"root": tmp_path}} | settings
    with pytest.raises(WrongUse, match=f"^pairs: .*{words}") as said:
        evaluate_pairs(PairsConfig.model_validate(tree))
    assert "--root" not in str(said.value)
    assert "landmarks=none" not in str(said.value)


def test_nothing_that_can_be_compared_is_wrong_use(tmp_path: Path) -> None:
    for side in ("generated", "true"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.mp4").write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(WrongUse, match=r"none of the 1 pairs .* can be compared, e\.g\. a: unread"):
        evaluate_pairs(config_of(tmp_path, tmp_path / "out"))
    assert not (tmp_path / "out").exists(), "no empty folder is left"
