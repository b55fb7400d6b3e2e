"""Only the strength differs between the videos in which a stronger emotion must be seen."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.config.model import ModelConfig
from emotalk.evaluation import strengths as module
from emotalk.evaluation.emotion_judges.judge import CLASSES
from emotalk.evaluation.emotion_results import EmotionPredictions
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.report import StrengthReport
from emotalk.evaluation.results import ClipResults, Results
from emotalk.evaluation.strengths import (
    add_strengths,
    choose_strength_clips,
    see_strengths,
    with_strengths,
)
from emotalk.inference.generate import ClipRequest
from emotalk.schema import EMOTIONS, Bytes, Floats
from emotalk.shards.sample_table import Sample
from tests.helpers.evaluation_clips import BrightnessJudge, plain_clip


class PixelJudge:
    """Sees in a video what its first pixel says: the class, and how sure."""

    name = "pixel"

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return the shares that the first pixel's red and green name."""
        shares = np.zeros(len(CLASSES), np.float32)
        shares[frames_THWC[0, 0, 0, 0]] = frames_THWC[0, 0, 0, 1] / 100
        return shares


def evaluator(*, intensity: bool = True, judge: Any = None) -> Evaluator:
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=8, use_intensity=intensity)
    loaded = LoadedGenerator(None, ModelConfig(), facts, Path("run"))  # type: ignore[arg-type]
    return Evaluator(loaded, "first_frame", None, emotion_judge=judge, seed=4, batch_size=3)


def test_a_clip_is_made_at_every_strength_from_its_still_with_its_own_speech(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[ClipRequest] = []

    def generate(_loaded: object, requests: Sequence[ClipRequest], **more: Any) -> list[Bytes]:
        assert more == {"seed": 4, "batch_size": 3}
        asked.extend(requests)
        return [
            np.full((2, 4, 4, 3), [r.emotion.argmax(), round(100 * r.emotion.max()), 0], np.uint8)
            for r in requests
        ]

    monkeypatch.setattr(module, "generate_clips", generate)
    clips = [plain_clip("a", emotion="fear", intensity=0.5), plain_clip("b", seed=1)]
    seen = see_strengths(evaluator(judge=PixelJudge()), clips, (0.25, 1.0))
    np.testing.assert_allclose(seen["a"], [0.25, 1.0])
    np.testing.assert_allclose(seen["b"], [0.25, 1.0])
    assert [request.name for request in asked] == ["a", "a", "b", "b"]
    for request, clip in zip(asked, [clips[0]] * 2 + [clips[1]] * 2, strict=True):
        np.testing.assert_array_equal(request.condition_CHW.transpose(1, 2, 0), clip.neutral_HWC)
        np.testing.assert_array_equal(request.speech_S, clip.audio_S)
    assert see_strengths(evaluator(judge=PixelJudge()), [], (0.25, 1.0)) == {}


def sample(key: str, emotion: str | None, *, still: bool = True) -> Sample:
    members = {"neutral.png": (0, 1)} if still else {}
    return Sample(key, 10, key[0], emotion, 1.0, 0, members)


SAMPLES = [
    sample("a1", "fear"), sample("a2", "neutral"), sample("b1", "anger"), sample("b2", None),
    sample("c1", "contempt"), sample("c2", "sadness", still=False),
]  # fmt: skip


def test_clips_with_an_emotion_and_a_still_are_made_where_the_model_takes_a_strength() -> None:
    config = EmotionJudgeConfig()
    judged = evaluator(judge=BrightnessJudge())
    assert choose_strength_clips(judged, SAMPLES, config, 0) == {"a1", "b1"}
    one = config.model_copy(update={"strength_clips": 1})
    assert len(choose_strength_clips(judged, SAMPLES, one, 0)) == 1
    none = config.model_copy(update={"strength_clips": 0})
    assert choose_strength_clips(judged, SAMPLES, none, 0) == frozenset()
    for other in (evaluator(), evaluator(intensity=False, judge=BrightnessJudge())):
        assert choose_strength_clips(other, SAMPLES, config, 0) == frozenset()


def found(
    key: str, intensity: float | None, made: float, true: float, *steps: float, wanted: int = 0
) -> ClipResults:
    seen = {
        row: np.array([share if place == wanted else 0 for place in range(7)], np.float32)
        for row, share in (("generated", made), ("still", 0.1), ("truth", true))
    }
    by_strength = np.array(steps, np.float32) if steps else None
    return ClipResults(
        key=key, actor=key[0], emotion=EMOTIONS[wanted], intensity=intensity, rows={}, openings={},
        voiced_T=np.ones(1, bool), predictions=EmotionPredictions(wanted, seen, by_strength),
        as_reported={},
    )  # fmt: skip


def strength_of(clips: list[ClipResults], *, takes: bool) -> StrengthReport:
    emotion = with_strengths(
        Results(clips).emotion(0), clips, (0.2, 0.6, 1.0), takes_intensity=takes, seed=0
    )
    assert emotion is not None
    assert emotion.strength is not None
    return emotion.strength


def test_what_is_seen_at_each_strength_is_ranked_clip_by_clip() -> None:
    clips = [
        found("a1", 0.3, 0.2, 0.1, 0.1, 0.2, 0.3), found("b1", 1.0, 0.1, 0.9, 0.3, 0.2, 0.1),
        found("c1", 0.6, 0.1, 0.5, 0.1, 0.4, 0.9), found("c2", None, 0.1, 0.5),
    ]  # fmt: skip
    report = strength_of(clips, takes=True)
    assert report.strengths == (0.2, 0.6, 1.0)
    assert report.seen == pytest.approx((0.5 / 3, 0.8 / 3, 1.3 / 3))
    assert report.by_strength is not None
    assert report.by_strength.mean == pytest.approx(1 / 3)
    assert report.by_strength.clips == 3
    assert report.by_label["truth"].mean == pytest.approx(1)
    assert report.by_label["generated"].mean == pytest.approx(-0.866, abs=0.001)
    assert report.notes == ()


def test_a_model_without_intensity_and_clips_without_one_are_said() -> None:
    report = strength_of([found("a1", None, 0.2, 0.1), found("b1", None, 0.1, 0.9)], takes=False)
    assert report.by_strength is None
    assert report.by_label == {}
    assert report.strengths == report.seen == ()
    without, unstated = report.notes
    assert "takes no intensity" in without
    assert "do not state intensities" in unstated


def test_neutral_clips_have_no_strength() -> None:
    neutral = EMOTIONS.index("neutral")
    clips = [found("a1", 0.3, 0.2, 0.1, wanted=neutral), found("b1", 0.9, 0.3, 0.2, wanted=neutral)]
    assert strength_of(clips, takes=False).by_label == {}


def test_a_clip_that_was_not_chosen_is_left_as_it_was() -> None:
    clip = found("a1", 0.3, 0.2, 0.1)
    assert add_strengths(clip, {"b1": np.ones(3, np.float32)}) is clip
    with_them = add_strengths(clip, {"a1": np.ones(3, np.float32)}).predictions
    assert with_them is not None
    assert with_them.by_strength is not None
    assert (
        add_strengths(replace(clip, predictions=None), {"a1": np.ones(3, np.float32)}).predictions
        is None
    )
    assert with_strengths(None, [], (0.5, 1.0), takes_intensity=True, seed=0) is None
