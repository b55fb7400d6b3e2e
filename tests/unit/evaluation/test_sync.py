"""Sync is measured by the lip-sync model on lips and speech alone."""

import math
from dataclasses import replace

import numpy as np
import pytest

from emotalk.evaluation.comparison import Comparison, SpeechFacts, compare, truth_of
from emotalk.evaluation.quantities.sync import METRIC, fill_missing, sync_figures
from emotalk.lip_sync.estimate import estimate_sync
from emotalk.lip_sync.load import load_lip_sync_model
from emotalk.schema import SAMPLES_PER_FRAME, Floats
from tests.helpers.drawn_shards import DrawnClip, drawn_clip
from tests.helpers.evaluation_clips import plain_clip

FRAMES = 48


@pytest.fixture(scope="module")
def spoken() -> list[DrawnClip]:
    return [drawn_clip(5, 0, sentence, "neutral", frames=FRAMES) for sentence in ("IEO", "MTI")]


def comparison(spoken: list[DrawnClip], landmarks_TLP: Floats, *, late: int = 0) -> Comparison:
    own, other = spoken
    speech_S = np.roll(own.speech_S, late * SAMPLES_PER_FRAME)
    clip = replace(plain_clip(frames=FRAMES), audio_S=speech_S, landmarks_TLP=own.landmarks_TLP)
    facts = SpeechFacts(others=(other.speech_S,))
    truth = truth_of(clip, own.landmarks_TLP, speech=facts)
    return compare(clip.video_THWC, landmarks_TLP, truth)


def test_lips_with_their_own_speech_are_in_sync(spoken: list[DrawnClip]) -> None:
    figures = sync_figures(comparison(spoken, spoken[0].landmarks_TLP))
    estimate = estimate_sync(load_lip_sync_model(), spoken[0].landmarks_TLP, spoken[0].speech_S)
    assert set(figures) == set(METRIC.quantities)
    assert figures["sync_offset"] == abs(estimate.offset) <= 1
    assert figures["sync_confidence"] == estimate.confidence
    assert figures["sync_within_1"] == 1.0
    assert figures["sync_own_above_other"] == 1.0


def test_the_lips_of_another_sentence_fit_that_sentence_better(spoken: list[DrawnClip]) -> None:
    figures = sync_figures(comparison(spoken, spoken[1].landmarks_TLP))
    assert figures["sync_own_above_other"] == 0.0


@pytest.mark.parametrize("late", [-5, 4])
def test_speech_that_is_shifted_is_found_so(spoken: list[DrawnClip], late: int) -> None:
    figures = sync_figures(comparison(spoken, spoken[0].landmarks_TLP, late=late))
    assert figures["sync_offset"] == pytest.approx(abs(late), abs=1)
    assert figures["sync_within_1"] == 0.0


def test_a_still_mouth_is_in_sync_with_nothing(spoken: list[DrawnClip]) -> None:
    still_TLP = np.repeat(spoken[0].landmarks_TLP[:1], FRAMES, 0)
    figures = sync_figures(comparison(spoken, still_TLP))
    assert math.isnan(figures["sync_offset"])
    assert figures["sync_within_1"] == figures["sync_confidence"] == 0.0


def test_a_few_frames_without_a_face_are_bridged_and_many_are_not(
    spoken: list[DrawnClip],
) -> None:
    landmarks_TLP = spoken[0].landmarks_TLP.copy()
    landmarks_TLP[[5, 20, 21]] = np.nan
    filled = fill_missing(landmarks_TLP)
    assert filled is not None
    np.testing.assert_allclose(filled[5], landmarks_TLP[[4, 6]].mean(0), rtol=1e-5)
    assert sync_figures(comparison(spoken, landmarks_TLP))["sync_within_1"] == 1.0
    landmarks_TLP[:20] = np.nan
    figures = sync_figures(comparison(spoken, landmarks_TLP))
    assert math.isnan(figures["sync_offset"])
    assert figures["sync_within_1"] == 0.0
    assert figures["sync_own_above_other"] == 0.5


def test_without_speech_or_in_short_clips_nothing_is_said(spoken: list[DrawnClip]) -> None:
    clip = replace(
        plain_clip(frames=FRAMES), audio_S=np.zeros(FRAMES * SAMPLES_PER_FRAME, np.float32)
    )
    truth = truth_of(clip, spoken[0].landmarks_TLP)
    figures = sync_figures(compare(clip.video_THWC, spoken[0].landmarks_TLP, truth))
    assert all(math.isnan(value) for value in figures.values())


def test_without_another_speech_the_others_are_measured(spoken: list[DrawnClip]) -> None:
    alone = comparison(spoken, spoken[0].landmarks_TLP)
    truth = replace(alone.truth, speech=SpeechFacts())
    figures = sync_figures(alone._replace(truth=truth))
    assert math.isnan(figures["sync_own_above_other"])
    assert figures["sync_within_1"] == 1.0
