"""Sets of almost nothing: one clip, one actor, no neutral still, no other sentence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.evaluate import evaluate
from emotalk.evaluation.report import Report
from emotalk.evaluation.summary import summary_table
from tests.helpers.drawn_shards import DrawnClip, write_shard_set

Clips = dict[tuple[int, str, str], DrawnClip]
ONE = (0, "IEO", "happiness")


def text_of(report: Report) -> str:
    console = Console(width=220)
    with console.capture() as capture:
        console.print(summary_table(report))
    return capture.get()


def evaluated(folder: Path, checkpoint: Path, clips: Clips, **more: Any) -> tuple[Report, str]:
    shards = write_shard_set(folder / "shards", clips)
    output = folder / "out"
    tree = {"checkpoint": checkpoint, "shards": str(shards), "output": output, **more}
    report = evaluate(EvaluateConfig.model_validate(tree))
    return report, (output / "report.md").read_text()


def words(page: str) -> str:
    """Return the page without its line breaks."""
    return " ".join(page.split())


@pytest.mark.parametrize("other_speech", ["generate", "curve"])
def test_one_clip_is_measured_and_the_row_that_needs_another_is_said_to_be_absent(
    tmp_path: Path, checkpoint: Path, drawn_clips: Clips, other_speech: str
) -> None:
    report, page = evaluated(
        tmp_path, checkpoint, {ONE: drawn_clips[ONE]}, other_speech=other_speech
    )
    assert report.clips == 1
    assert "other_speech" not in report.figures["mouth_correlation"]
    assert report.figures["psnr"]["generated"].mean is not None
    assert "1 of 1 clips have no row for other speech" in words(page)
    assert "One clip only: its intervals have no width" in words(page)
    assert (
        "1 of 1 clip is too short for the lip-sync model, which compares 40 frames and more: "
        "30 frames." in words(page)
    )
    assert "speech of another sentence: not compared" in words(text_of(report))


def test_no_neutral_still_means_no_emotion_accuracy_and_a_word_why(
    tmp_path: Path, checkpoint: Path, drawn_clips: Clips
) -> None:
    report, page = evaluated(tmp_path, checkpoint, {ONE: drawn_clips[ONE]})
    assert report.emotion is None
    assert "has no neutral clip" in report.left_out["1001_IEO_happiness"]
    assert "1001_IEO_happiness" in page


def test_without_any_neutral_still_that_condition_is_refused(
    tmp_path: Path, checkpoint: Path, drawn_clips: Clips
) -> None:
    with pytest.raises(WrongUse, match=r"no clip of split test could be evaluated.*no neutral"):
        evaluated(tmp_path, checkpoint, {ONE: drawn_clips[ONE]}, condition="neutral")
    assert not (tmp_path / "out").exists(), "no empty folder is left"


def test_clips_of_one_sentence_have_no_other_speech(
    tmp_path: Path, checkpoint: Path, drawn_clips: Clips
) -> None:
    same = {(0, "IEO", "happiness"): drawn_clips[ONE], (1, "IEO", "sadness"): drawn_clips[
        1, "IEO", "sadness"]}  # fmt: skip
    report, page = evaluated(tmp_path, checkpoint, same)
    assert "other_speech" not in report.figures["mouth_correlation"]
    assert "2 of 2 clips have no row for other speech" in words(page)


def test_the_models_stand_at_the_top(tmp_path: Path, checkpoint: Path, drawn_clips: Clips) -> None:
    report, page = evaluated(tmp_path, checkpoint, {ONE: drawn_clips[ONE]})
    assert page.split("\n\n")[1].startswith("Faces: taken for drawn ones")
    assert text_of(report).splitlines()[0].strip().startswith("Faces: taken for drawn ones")


def test_clips_without_speech_are_measured_and_the_page_says_what_cannot_be(
    tmp_path: Path, checkpoint: Path, drawn_clips: Clips
) -> None:
    spoken = drawn_clips[ONE]
    silent = replace(spoken, speech_S=np.zeros_like(spoken.speech_S))
    report, page = evaluated(tmp_path, checkpoint, {ONE: silent})
    assert report.figures["psnr"]["generated"].mean is not None
    assert report.figures["mouth_correlation"]["generated"].mean is None
    assert "1 of 1 clip is without speech" in words(page)
    assert "mouth correlation: undefined: fewer than 8 frames of speech" in words(page)
