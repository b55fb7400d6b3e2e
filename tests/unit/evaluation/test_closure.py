"""Closure is measured where the sounds are known, by a limit that the true clips give."""

import math
from dataclasses import replace

import numpy as np
import pytest

from emotalk.evaluation.closure_limit import add_closure_rates, true_limit
from emotalk.evaluation.comparison import SpeechFacts, compare
from emotalk.evaluation.quantities.closure import METRIC, closure_figures
from emotalk.evaluation.results import ClipResults, Results
from emotalk.schema import Doubles
from emotalk.speech.phones import Phone
from tests.helpers.evaluation_clips import ToldLandmarks, face_TLP, plain_clip, prepare_truth

PHONES = (
    Phone("B", 0.12, 0.20), Phone("AE", 0.24, 0.40), Phone("T", 0.40, 0.48),
    Phone("M", 0.52, 0.60), Phone("AY", 0.64, 0.84), Phone("UW", 0.88, 0.96),
)  # fmt: skip
SHUT_FRAMES, FRAMES = (3, 4, 13, 14), 24


def opening(shut: float, opened: float) -> Doubles:
    curve = np.full(FRAMES, opened)
    curve[list(SHUT_FRAMES)] = shut
    return curve


def of_clip(key: str, known: bool = True, **openings: Doubles) -> ClipResults:
    return ClipResults(
        key=key, actor="a", emotion=None, intensity=None,
        rows={row: {"psnr": 1.0} for row in openings}, openings=openings,
        voiced_T=np.ones(FRAMES, bool), predictions=None, as_reported={},
        phones=PHONES if known else None,
    )  # fmt: skip


def test_a_mouth_that_shuts_on_b_and_m_has_auc_1_and_a_still_one_half() -> None:
    clip = plain_clip(frames=FRAMES)
    truth = replace(
        prepare_truth(clip, ToldLandmarks(lambda _: face_TLP([4.0] * FRAMES))),
        speech=SpeechFacts(phones=PHONES),
    )
    for curve, expected in (
        (opening(0.5, 8), 1.0), (opening(8, 8), 0.5), (opening(9, 3), 0.0),
    ):  # fmt: skip
        comparison = compare(clip.video_THWC, face_TLP(list(curve)), truth)
        assert closure_figures(comparison)["closure_auc"] == expected


def test_without_known_sounds_there_is_no_figure_rather_than_an_undefined_one() -> None:
    clip = plain_clip(frames=FRAMES)
    truth = prepare_truth(clip, ToldLandmarks(lambda _: face_TLP([4.0] * FRAMES)))
    assert closure_figures(compare(clip.video_THWC, face_TLP([4.0] * FRAMES), truth)) == {}


def test_the_limit_comes_from_the_true_mouths_of_all_clips() -> None:
    clips = [
        of_clip("a", truth=opening(0.02, 0.10), generated=opening(0.05, 0.07)),
        of_clip("b", truth=opening(0.04, 0.12), generated=opening(0.09, 0.20)),
        of_clip("c", known=False, truth=opening(9, 0), generated=opening(0, 9)),
    ]
    assert true_limit(clips) == pytest.approx(0.07)
    found = add_closure_rates(Results(clips)).clips
    assert [clip.rows["truth"].get("closure_rate") for clip in found] == [1.0, 1.0, None]
    assert [clip.rows["generated"].get("closure_rate") for clip in found] == [1.0, 0.0, None]
    assert found[0].rows["generated"]["psnr"] == 1.0
    assert set(METRIC.quantities) == {"closure_auc", "closure_rate"}


def test_sets_whose_sounds_are_not_known_stay_as_they_are() -> None:
    results = Results([of_clip("c", known=False, truth=opening(0, 1))])
    assert math.isnan(true_limit(results.clips))
    assert add_closure_rates(results) is results
