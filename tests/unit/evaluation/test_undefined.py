"""An undefined figure is explained: by the figure, by the clips' length, by their silence."""

from dataclasses import replace

import numpy as np
import pytest

from emotalk.evaluation.comparison import Quantity, SpeechFacts, compare, truth_of
from emotalk.evaluation.html_page import html_page
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.plots import noise_curve as noise_plot
from emotalk.evaluation.plots import sync as sync_plot
from emotalk.evaluation.quantities import METRICS, measure, quantities
from emotalk.evaluation.report import NoiseCurve, Value
from emotalk.evaluation.report_blocks import sections
from emotalk.evaluation.results import ClipResults
from emotalk.evaluation.summary import HEADLINES, headlines, summary_notes
from emotalk.evaluation.undefined import short_and_silent, undefined_note
from emotalk.schema import LANDMARKS
from tests.helpers.evaluation_clips import plain_clip
from tests.helpers.reports import plain_report, plain_value

SHORT = Quantity("q", "higher", 2, "What it says.", "fewer than 9 frames")
MISSING = Value(mean=None, low=None, high=None, clips=0, undefined=4, actors=0)


def results(frames: int, voiced: int) -> ClipResults:
    return ClipResults("k", "a", None, None, {}, {}, np.arange(frames) < voiced, None, {})


def test_the_note_counts_the_clips_and_says_why() -> None:
    some = plain_value(2.0).model_copy(update={"undefined": 2})
    assert undefined_note(SHORT, [MISSING]) == "Undefined: fewer than 9 frames."
    assert undefined_note(SHORT, [some]) == "Undefined in 2 of 6 clips: fewer than 9 frames."
    assert undefined_note(SHORT, [some, MISSING]).startswith("Undefined in 6 of 10 clips")
    assert undefined_note(SHORT, [plain_value(2.0)]) == undefined_note(SHORT, []) == ""
    assert undefined_note(Quantity("q", "higher", 2), [MISSING]) == ""


def test_every_figure_that_can_be_undefined_says_when() -> None:
    """Of a silent clip of two frames without a face nearly everything is; of a copy, PSNR too."""
    clip = plain_clip(frames=2)
    clip = replace(clip, audio_S=np.zeros_like(clip.audio_S))
    no_face_TLP = np.full((2, LANDMARKS, 2), np.nan, np.float32)
    truth = truth_of(clip, no_face_TLP, speech=SpeechFacts(phones=()))
    figures = measure(compare(clip.video_THWC, no_face_TLP, truth), METRICS)
    undefined = {name for name, value in figures.items() if not np.isfinite(value)}
    assert {
        "mouth_correlation",
        "sync_offset",
        "closure_auc",
        "jitter",
        "nlmd",
        "psnr",
    } <= undefined
    assert [name for name in sorted(undefined) if not quantities()[name].undefined] == []


def test_the_page_says_why_figures_are_undefined_everywhere_they_stand() -> None:
    curve = NoiseCurve(
        kind="pink", clips=4, levels=("clean", "0 dB"),
        figures={"sync_offset": {"clean": plain_value(1.0), "0 dB": MISSING}},
    )  # fmt: skip
    figures = plain_report().figures | {"mouth_correlation": {"generated": MISSING}}
    report = plain_report(figures=figures, noise_curve=curve)
    page = " ".join(markdown_page("Evaluation", sections(report)).split())
    assert "blind to how far. Undefined: fewer than 8 frames of speech" in page
    assert "Undefined: fewer than 40 frames, or than 15 of speech, or lips that hardly" in page
    notes = summary_notes(report)
    assert "mouth correlation: undefined: fewer than 8 frames of speech" in notes
    html = html_page("Evaluation", [], headlines=headlines(report)).decode()
    assert "Undefined: fewer than 8 frames of speech" in html


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        ([results(75, 40)], []),
        ([results(30, 20), results(75, 40)], ["1 of 2 clips is too short", ": 30 frames."]),
        ([results(12, 10), results(39, 20)], ["2 of 2 clips are too short", ": 12 to 39 frames."]),
        ([results(75, 0), results(75, 40)], ["1 of 2 clips is without speech"]),
        ([results(75, 10)], ["1 of 1 clip is short of speech", "fewer than 15 frames"]),
    ],
)
def test_short_and_silent_clips_are_counted(clips: list[ClipResults], words: list[str]) -> None:
    found = short_and_silent(clips)
    assert len(found) == bool(words)
    assert all(word in found[0] for word in words)


def test_plots_and_the_summary_name_figures_that_exist() -> None:
    """A name that no figure has is silently not drawn."""
    assert {*noise_plot.SHOWN, *sync_plot.FIGURES, *HEADLINES} <= quantities().keys()
