"""What is validated, for which inputs, and figures that are worked out by hand."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor

from emotalk.checkpoints.format import ModelFacts
from emotalk.distributed import Runtime
from emotalk.evaluation import evaluator as evaluating
from emotalk.evaluation import validation as validating
from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.comparison import compare
from emotalk.evaluation.other_speech import fit_length
from emotalk.evaluation.quantities import METRICS, measure
from emotalk.evaluation.validation import (
    Validation,
    read_clips,
    read_other_speech,
    sample_keys,
)
from emotalk.inference.generate import ClipRequest
from emotalk.schema import EMOTIONS, LANDMARKS, SAMPLES_PER_FRAME, SIZE, Bytes, Floats
from emotalk.shards.clip import Clip
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from tests.helpers.evaluation_clips import ToldLandmarks, prepare_truth
from tests.helpers.shard_set import (
    Members,
    made_clips,
    sound_level,
    told_apart,
    write_shard_set,
)
from tests.helpers.tiny_model import TINY, tiny_generator

pytestmark = pytest.mark.usefixtures("tones_are_speech")

FRAMES, NOISY, STILL, SEED = 6, 12, 40, 23


class Alone:
    """The only process."""

    def gather(self, items: list[object]) -> list[object]:
        return items


ALONE = cast(Runtime, Alone())


def clip_of(key: str, emotion: str, intensity: float | None, seed: int = 0) -> Clip:
    random = np.random.default_rng(seed)
    return Clip(
        key=key,
        actor="a0",
        emotion=emotion,
        intensity=intensity,
        video_THWC=random.integers(60, 180, (FRAMES, SIZE, SIZE, 3)).astype(np.uint8),
        audio_S=random.uniform(-0.5, 0.5, FRAMES * SAMPLES_PER_FRAME).astype(np.float32),
        landmarks_TLP=face(FRAMES),
        neutral_HWC=np.full((SIZE, SIZE, 3), STILL, np.uint8),
        json={},
    )


def face(frames: int, seed: int = 3) -> Floats:
    """Return landmarks well inside the crop."""
    random = np.random.default_rng(seed)
    return random.uniform(30, 100, (frames, LANDMARKS, 2)).astype(np.float32)


def validation_of(
    clips: Sequence[Clip], facts: ModelFacts | None = None, **more: Any
) -> Validation:
    parts: dict[str, Any] = {
        "clips": clips,
        "other_speech": {},
        "sample_keys": (),
        "model": TINY,
        "facts": facts or ModelFacts(emotions=EMOTIONS, speech_margin_frames=1),
        "landmark_model": None,
        "seed": SEED,
    }
    return Validation(**parts | more)


class Asked(list[ClipRequest]):
    """The requests of all runs of the generator."""

    runs = 0


@contextmanager
def generating(make: Any) -> Iterator[Asked]:
    """Let `make` be the generator: (request) -> frames; note what it is asked."""
    asked = Asked()

    def generate(_: Any, requests: Sequence[ClipRequest], *, seed: int, **__: Any) -> list[Bytes]:
        assert seed == SEED, "the noise is that of the run"
        asked.extend(requests)
        asked.runs += 1
        return [make(request) for request in requests]

    with mock.patch.object(evaluating, "generate_clips", generate):
        yield asked


def brighter(clip: Clip) -> Bytes:
    return np.asarray(clip.video_THWC + NOISY, np.uint8)


def psnr_of(video: Bytes, truth: Bytes) -> float:
    error = np.mean((video.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def measured(validation: Validation, samples: Path | None = None) -> dict[str, float]:
    return validation.measure(tiny_generator(), ALONE, samples)


def test_the_intensity_and_the_still_reach_the_generator() -> None:
    """Of the network itself, not of a stand-in."""
    clips = [clip_of("a", "anger", 0.4), clip_of("b", "sadness", None, seed=1)]
    heard: list[tuple[Tensor, ...]] = []
    generator = tiny_generator()
    generator.register_forward_pre_hook(lambda _, args: heard.append(args))
    facts = ModelFacts(
        emotions=EMOTIONS, speech_margin_frames=1, use_intensity=True, condition="neutral"
    )
    validation_of(clips, facts).measure(generator, ALONE, None)
    images, speech, emotion = (torch.cat([args[i] for args in heard]) for i in range(3))
    wanted = {EMOTIONS.index("anger"): 0.4, EMOTIONS.index("sadness"): 1.0}
    assert {int(row.argmax()): pytest.approx(float(row.sum())) for row in emotion} == wanted
    assert torch.allclose(images, torch.full_like(images, STILL / 127.5 - 1), atol=1e-6)
    assert speech.shape[1] == (FRAMES + 2) * SAMPLES_PER_FRAME


@pytest.mark.parametrize("use_intensity", [True, False])
def test_the_emotion_asked_for_is_the_clips_own(use_intensity: bool) -> None:
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=1, use_intensity=use_intensity)
    clips = [clip_of("a", "fear", 0.25), clip_of("b", "neutral", None)]
    with generating(lambda _: clips[0].video_THWC) as asked:
        measured(validation_of(clips, facts))
    for request, clip in zip(asked, clips, strict=True):
        expected = np.zeros(len(EMOTIONS))
        known = 1.0 if clip.intensity is None else clip.intensity
        expected[EMOTIONS.index(clip.emotion)] = known if use_intensity else 1.0
        np.testing.assert_allclose(request.emotion, expected)
        assert request.name == clip.key
        assert request.speech_S is clip.audio_S


@pytest.mark.parametrize("condition", ["first_frame", "neutral"])
def test_the_picture_is_the_one_that_training_was_given(condition: str) -> None:
    facts = ModelFacts.model_validate(
        {"emotions": EMOTIONS, "speech_margin_frames": 1, "condition": condition}
    )
    clip = clip_of("a", "fear", 1.0)
    with generating(lambda _: brighter(clip)) as asked:
        figures = measured(validation_of([clip], facts))
    neutral = clip.neutral_HWC
    assert neutral is not None
    still = clip.video_THWC[0] if condition == "first_frame" else neutral
    assert np.array_equal(asked[0].condition_CHW.transpose(1, 2, 0), still)
    repeated = np.broadcast_to(still, clip.video_THWC.shape)
    assert figures["validation/baseline_psnr"] == pytest.approx(
        psnr_of(repeated, clip.video_THWC), abs=1e-3
    )


def test_each_row_compares_its_own_video_with_the_truth() -> None:
    """Generated: 12 levels off; another sentence's: 30 off; re-encoded: nearly the truth."""
    clip = clip_of("a", "fear", 1.0)
    smooth = np.repeat(np.repeat(clip.video_THWC[:, ::16, ::16], 16, axis=1), 16, axis=2)
    clip = replace(clip, video_THWC=smooth)
    other_S = np.full_like(clip.audio_S, 0.1)

    def make(request: ClipRequest) -> Bytes:
        return np.asarray(
            smooth + (30 if np.array_equal(request.speech_S, other_S) else NOISY), np.uint8
        )

    with generating(make) as asked:
        figures = measured(validation_of([clip], other_speech={"a": other_S, "gone": other_S}))
    assert [np.array_equal(request.speech_S, other_S) for request in asked] == [False, True]
    by_hand = {"": NOISY, "other_speech_": 30}
    for row, off in by_hand.items():
        expected = 10 * np.log10(255**2 / off**2)
        assert figures[f"validation/{row}psnr"] == pytest.approx(expected, abs=1e-3)
        assert figures[f"validation/{row}psnr_mouth"] == pytest.approx(expected, abs=1e-3)
    assert figures["validation/reencoded_psnr"] > figures["validation/psnr"] + 3
    assert figures["validation/reencoded_ssim"] > 0.8
    assert "validation/nlmd" not in figures, "nobody finds landmarks"


def test_all_videos_are_generated_in_one_run() -> None:
    """Batches change the last digits of figures, and runs are compared by their figures."""
    clips = [clip_of("a", "fear", 1.0), clip_of("b", "anger", 1.0)]
    with generating(lambda _: brighter(clips[0])) as asked:
        measured(validation_of(clips, other_speech={"b": clips[0].audio_S}))
    assert [request.name for request in asked] == ["a", "b", "b"]
    assert asked.runs == 1


def test_a_clip_without_a_partner_has_no_row_of_another_sentence() -> None:
    clips = [clip_of("a", "fear", 1.0), clip_of("b", "fear", 1.0, seed=4)]
    with generating(lambda _: brighter(clips[0])):
        figures = measured(validation_of(clips))
    assert not any("other_speech" in name for name in figures)
    mean = np.mean([psnr_of(brighter(clips[0]), clip.video_THWC) for clip in clips])
    assert figures["validation/psnr"] == pytest.approx(mean, abs=1e-3)


def test_shapes_are_compared_as_the_evaluation_compares_them() -> None:
    """The same faces, the same NLMD, from training's figures and from the report's."""
    clip = clip_of("a", "fear", 1.0)
    # Neither is what the shard holds: a finder's faults are then the same on both sides.
    found = {0: face(FRAMES, seed=5), 1: np.repeat(face(1, seed=9), FRAMES, axis=0)}

    def find(frames_THWC: Bytes) -> Floats:
        """All videos come in one call, the true one first."""
        np.testing.assert_array_equal(frames_THWC[:FRAMES], clip.video_THWC)
        others = np.repeat(found[1][:1], len(frames_THWC) - FRAMES, axis=0)
        return np.concatenate([found[0], others])

    model = ToldLandmarks(find)
    with generating(lambda _: brighter(clip)):
        figures = measured(validation_of([clip], landmark_model=model))
    report = measure(compare(brighter(clip), found[1], prepare_truth(clip, model)), METRICS)
    assert figures["validation/nlmd"] == pytest.approx(report["nlmd"], rel=1e-12)
    assert figures["validation/nlmd"] > 0
    assert figures["validation/faces_missed_share"] == 0.0
    assert figures["validation/baseline_nlmd"] == figures["validation/nlmd"]


def test_samples_show_each_of_their_clips_once_beside_the_truth(tmp_path: Path) -> None:
    clips = [clip_of("a", "fear", 1.0), clip_of("b", "anger", 1.0)]
    with generating(lambda _: brighter(clips[0])):
        measured(validation_of(clips, sample_keys=("b",)), tmp_path / "samples")
    assert {p.name for p in (tmp_path / "samples").iterdir()} == {"anger-b.mp4", "grid.png"}


def with_sentence(clip: Any) -> Members:
    sentence = "SAME" if int(clip.key[-4:]) < 4 else f"S{clip.key}"
    facts = {"clip": clip.key, "sentence": sentence}
    return told_apart(clip) | {"json": json.dumps(facts).encode()}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    folder = tmp_path_factory.mktemp("validation")
    clips = made_clips(8, frames=(6, 9))
    clips[5] = replace(clips[5], neutral=False)
    return ShardSet.open(str(write_shard_set(folder, [("val", clips)], members_of=with_sentence)))


def test_other_speech_is_of_a_clip_that_says_something_else(shards: ShardSet) -> None:
    samples = list(shards.split("val").samples)
    clips = read_clips(SampleReader(shards), samples[:2], 5, "first_frame")
    speech = read_other_speech(SampleReader(shards), samples, clips, seed=1)
    assert set(speech) == {clip.key for clip in clips}
    same = [s.key for s in samples if int(s.key[-4:]) < 4]
    for clip in clips:
        fitted_S = fit_length(speech[clip.key], clip)
        assert len(fitted_S) == len(clip.audio_S) == 5 * SAMPLES_PER_FRAME
        assert len(clip.video_THWC) == len(clip.landmarks_TLP) == 5
        assert clip.key in same
        (level,) = set(speech[clip.key].tolist())
        assert level in {sound_level(s.key) for s in samples if s.key not in same}


def test_a_set_of_one_sentence_has_no_other_speech(shards: ShardSet) -> None:
    same = [s for s in shards.split("val").samples if int(s.key[-4:]) < 4]
    clips = read_clips(SampleReader(shards), same, 75, "first_frame")
    assert read_other_speech(SampleReader(shards), same, clips, seed=1) == {}


def test_with_neutral_stills_clips_without_one_are_left_out(shards: ShardSet) -> None:
    samples = list(shards.split("val").samples)
    keys = [c.key for c in read_clips(SampleReader(shards), samples, 75, "neutral")]
    assert keys == [s.key for s in samples if s.key != "clip0005"]
    assert len(read_clips(SampleReader(shards), samples, 75, "first_frame")) == len(samples)
    assert "clip0005" not in sample_keys(samples, 6, "neutral")
    assert "clip0005" in sample_keys(samples, 6, "first_frame")


def chosen_clips(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    return spread_clips(samples, count, seed=seed, purpose="validation", over_actors=False)


def test_chosen_clips_are_spread_over_the_emotions_and_the_same_for_a_seed(
    shards: ShardSet,
) -> None:
    samples = list(shards.split("val").samples)
    chosen = chosen_clips(samples, 6, seed=2)
    assert {s.emotion for s in chosen} == set(EMOTIONS)
    assert chosen == chosen_clips(list(reversed(samples)), 6, seed=2)
    assert len(chosen_clips(samples, 100, seed=2)) == len(samples)
    orders = {tuple(s.key for s in chosen_clips(samples, 8, seed=seed)) for seed in range(6)}
    assert len(orders) > 1
    shown = sample_keys(chosen, 3, "first_frame")
    assert shown == [s.key for s in chosen[:3]], "one of an emotion"


def test_figures_that_only_some_clips_have_are_means_of_those() -> None:
    points = [{"psnr": 20.0, "nlmd": float("nan")}, {"psnr": 30.0, "nlmd": 0.5}, {"psnr": 40.0}]
    assert validating._means(points) == {"validation/psnr": 30.0, "validation/nlmd": 0.5}
    assert validating._means([{"nlmd": float("nan")}]) == {}
