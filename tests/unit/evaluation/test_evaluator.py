"""Which picture, speech and emotion each video is made of, and what each row is held against."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.load import LoadedGenerator
from emotalk.config.model import ModelConfig
from emotalk.errors import WrongUse
from emotalk.evaluation import evaluator as module
from emotalk.evaluation.evaluator import Evaluator, Generated, reencode
from emotalk.inference.generate import ClipRequest
from emotalk.schema import EMOTIONS, SAMPLES_PER_FRAME, Bytes
from emotalk.shards.clip import Clip
from tests.helpers.evaluation_clips import (
    BrightnessJudge,
    ToldLandmarks,
    face_TLP,
    noise_frames,
    plain_clip,
)

pytestmark = pytest.mark.usefixtures("tones_are_speech")

Run = tuple[list[ClipRequest], dict[str, Any]]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """What the generator is asked for; its videos are its condition image, brighter by a frame."""
    asked: list[Run] = []

    def generate(loaded: object, requests: Sequence[ClipRequest], **more: Any) -> list[Bytes]:
        asked.append((list(requests), more))
        return [video_of(request) for request in requests]

    monkeypatch.setattr(module, "generate_clips", generate)
    return asked


def video_of(request: ClipRequest) -> Bytes:
    """Return a video that depends on the request's picture, speech and emotion."""
    frames = len(request.speech_S) // SAMPLES_PER_FRAME
    tint = int(1000 * abs(request.speech_S[:50]).sum()) % 20 + 3 * int(request.emotion.argmax())
    image = request.condition_CHW.transpose(1, 2, 0)
    return np.stack([np.clip(image.astype(int) + tint + t, 0, 255) for t in range(frames)]).astype(
        np.uint8
    )


def evaluator(
    *,
    judge: BrightnessJudge | None = None,
    intensity: bool = False,
    condition: Literal["first_frame", "neutral"] = "first_frame",
    **more: Any,
) -> Evaluator:
    facts = ModelFacts(emotions=EMOTIONS, speech_margin_frames=8, use_intensity=intensity)
    return Evaluator(
        loaded=LoadedGenerator(None, ModelConfig(), facts, Path("run")),  # type: ignore[arg-type]
        condition=condition,
        landmark_model=ToldLandmarks(lambda frames: face_TLP([4.0] * len(frames))),
        emotion_judge=judge,
        **more,
    )


def picture(request: ClipRequest) -> Bytes:
    return request.condition_CHW.transpose(1, 2, 0)


def test_a_video_is_made_of_the_first_frame_and_the_clip_s_own_speech_and_emotion(
    runs: list[Run],
) -> None:
    clips = [plain_clip("a_1"), plain_clip("a_2", seed=1, emotion="fear", frames=9)]
    made = evaluator(seed=7, batch_size=3).generate(clips, {})
    requests, more = runs[0]
    assert more == {"seed": 7, "batch_size": 3}
    for clip, request, video in zip(clips, requests, made, strict=True):
        np.testing.assert_array_equal(picture(request), clip.video_THWC[0])
        np.testing.assert_array_equal(request.speech_S, clip.audio_S)
        assert request.name == clip.key
        assert request.emotion.tolist() == [float(name == clip.emotion) for name in EMOTIONS]
        np.testing.assert_array_equal(video.video, video_of(request))
        assert video.from_still is None
        assert video.other_speech is None


def test_the_video_whose_emotion_is_classified_is_made_of_the_neutral_still(
    runs: list[Run],
) -> None:
    clips = [plain_clip("a_1"), plain_clip("a_2", seed=1, still=False), plain_clip("a_3", seed=2)]
    made = evaluator(judge=BrightnessJudge()).generate(clips, {})
    stills = runs[-1][0]
    assert [request.name for request in stills] == ["a_1", "a_3"]
    for clip, request in zip([clips[0], clips[2]], stills, strict=True):
        np.testing.assert_array_equal(picture(request), clip.neutral_HWC)
        np.testing.assert_array_equal(request.speech_S, clip.audio_S)
        assert request.emotion.argmax() == EMOTIONS.index(clip.emotion)
    np.testing.assert_array_equal(made[0].from_still, video_of(stills[0]))
    assert made[1].from_still is None
    np.testing.assert_array_equal(made[2].from_still, video_of(stills[1]))


def test_under_the_neutral_condition_one_video_serves_both(runs: list[Run]) -> None:
    clip = plain_clip()
    made = evaluator(judge=BrightnessJudge(), condition="neutral").generate([clip], {})[0]
    np.testing.assert_array_equal(picture(runs[0][0][0]), clip.neutral_HWC)
    np.testing.assert_array_equal(made.video, made.from_still)


def test_a_neutral_condition_without_a_still_is_our_own_bug(runs: list[Run]) -> None:
    with pytest.raises(ValueError, match="a_1: condition neutral without a still"):
        evaluator(condition="neutral").generate([plain_clip(still=False)], {})


def test_other_speech_changes_the_speech_alone(runs: list[Run]) -> None:
    one, two = plain_clip("a_1"), plain_clip("a_2", seed=1)
    other = plain_clip("b", seed=9, frames=30).audio_S
    made = evaluator().generate([one, two], {"a_2": other})
    swapped = runs[1][0]
    assert [request.name for request in swapped] == ["a_2"]
    np.testing.assert_array_equal(swapped[0].speech_S, other[: len(two.audio_S)])
    np.testing.assert_array_equal(picture(swapped[0]), two.video_THWC[0])
    assert swapped[0].emotion.argmax() == EMOTIONS.index("anger")
    assert made[0].other_speech is None
    np.testing.assert_array_equal(made[1].other_speech, video_of(swapped[0]))


@pytest.mark.parametrize("validation", [True, False])
def test_validation_keeps_the_batches_and_layouts_of_its_published_figures(
    runs: list[Run], validation: bool
) -> None:
    one, two = plain_clip("a_1"), plain_clip("a_2", seed=1)
    measuring = evaluator(validation_numerics=validation)
    made = measuring.generate([one, two], {"a_2": one.audio_S})
    names = [[request.name for request in requests] for requests, _ in runs]
    assert names == ([["a_1", "a_2", "a_2"]] if validation else [["a_1", "a_2"], ["a_2"]])
    channels_last = runs[0][0][0].condition_CHW.transpose(1, 2, 0).flags.c_contiguous
    assert channels_last == validation
    measuring.measure(one, made[0])
    told = measuring.landmark_model
    assert isinstance(told, ToldLandmarks)
    # One call for the true video, the generated, the repeated still and the re-encoded one.
    assert [len(shown) for shown in told.shown] == [12 + 12 + (12 if validation else 1) + 12]


@pytest.mark.parametrize(
    ("use", "intensity", "weight"), [(True, 0.5, 0.5), (True, None, 1), (False, 0.5, 1)]
)
def test_the_intensity_is_given_where_the_model_knows_it(
    runs: list[Run], use: bool, intensity: float | None, weight: float
) -> None:
    evaluator(intensity=use).generate([plain_clip(intensity=intensity)], {})
    assert runs[0][0][0].emotion.max() == weight


def test_an_emotion_that_the_model_does_not_know_is_wrong_use(runs: list[Run]) -> None:
    with pytest.raises(WrongUse, match="a_1: emotion contempt, but the checkpoint run knows anger"):
        evaluator().generate([plain_clip(emotion="contempt")], {})


def test_an_emotion_beyond_the_classifier_s_six_is_not_classified(runs: list[Run]) -> None:
    judge = BrightnessJudge()
    facts = ModelFacts(emotions=(*EMOTIONS, "contempt"), speech_margin_frames=8)
    loaded = LoadedGenerator(None, ModelConfig(), facts, Path("run"))  # type: ignore[arg-type]
    strange = replace(evaluator(judge=judge), loaded=loaded)
    clip = plain_clip(emotion="contempt")
    assert strange.generate([clip], {})[0].from_still is None
    made = Generated(clip.video_THWC, clip.video_THWC, None)
    assert strange.measure(clip, made).predictions is None
    assert judge.shown == []


def psnr_of(video: Bytes, truth: Bytes) -> float:
    return float(peak_signal_noise_ratio(truth / 255.0, video / 255.0, data_range=1.0))


def made_for(clip: Clip) -> Generated:
    frames = len(clip.video_THWC)
    return Generated(noise_frames(50, frames), noise_frames(51, frames), noise_frames(52, frames))


def test_a_clip_of_unknown_emotion_is_made_as_neutral_and_not_classified(runs: list[Run]) -> None:
    clip = plain_clip(emotion=None, intensity=0.5)
    judge = BrightnessJudge()
    made = evaluator(judge=judge, intensity=True).generate([clip], {})
    (request,) = [request for requests, _ in runs for request in requests]
    assert request.emotion.tolist() == [float(name == "neutral") for name in EMOTIONS]
    assert made[0].from_still is None
    found = evaluator(judge=judge).measure(clip, made[0])
    assert (found.emotion, found.predictions, judge.shown) == (None, None, [])


def test_each_row_is_its_own_video_held_against_the_true_one() -> None:
    clip = plain_clip()
    made = made_for(clip)
    assert made.other_speech is not None
    found = evaluator().measure(clip, made)
    still = np.broadcast_to(clip.video_THWC[0], clip.video_THWC.shape)
    expected = {
        "generated": made.video,
        "repeat": still,
        "reencoded": reencode(clip.video_THWC),
        "other_speech": made.other_speech,
    }
    assert set(found.rows) == {*expected, "truth"}
    for row, video in expected.items():
        assert found.rows[row]["psnr"] == pytest.approx(psnr_of(video, clip.video_THWC), abs=1e-3)


def test_under_the_neutral_condition_the_still_is_what_is_repeated() -> None:
    clip = plain_clip()
    assert clip.neutral_HWC is not None
    found = evaluator(condition="neutral").measure(clip, made_for(clip))
    still = np.broadcast_to(clip.neutral_HWC, clip.video_THWC.shape)
    assert found.rows["repeat"]["psnr"] == pytest.approx(psnr_of(still, clip.video_THWC), abs=1e-3)


def test_without_other_speech_there_is_no_row_for_it() -> None:
    clip = plain_clip()
    made = Generated(made_for(clip).video, None, None)
    found = evaluator().measure(clip, made)
    assert set(found.rows) == {"truth", "generated", "repeat", "reencoded"}
    assert set(found.openings) == {"truth", "generated", "repeat", "reencoded"}
    assert made.emotion_video is made.video


def told_by_frame(openings: Sequence[tuple[Bytes, float]]) -> ToldLandmarks:
    """Return a model that tells the opening of the video that a frame is from, else 2."""
    known = {frame.tobytes(): opening for video, opening in openings for frame in video}
    return ToldLandmarks(lambda frames: face_TLP([known.get(f.tobytes(), 2.0) for f in frames]))


def test_openings_are_those_of_the_row_s_own_mouth() -> None:
    clip = plain_clip()
    made = replace(made_for(clip), baseline=noise_frames(53, 12))
    assert made.other_speech is not None
    assert made.baseline is not None
    model = told_by_frame(
        [(clip.video_THWC, 5.0), (clip.video_THWC[:1], 7.0), (made.video, 8.0),
         (made.other_speech, 3.0), (made.baseline, 4.0)]
    )  # fmt: skip
    openings = replace(evaluator(), landmark_model=model).measure(clip, made).openings
    unit = openings["truth"][1] / 5.0
    assert {row: round(float(o[1] / unit), 3) for row, o in openings.items()} == {
        "truth": 5, "generated": 8, "repeat": 7, "reencoded": 2, "other_speech": 3, "baseline": 4,
    }  # fmt: skip
    assert {len(opening) for opening in openings.values()} == {12}


def test_clips_that_are_measured_together_get_the_figures_that_each_has_alone() -> None:
    clips = [plain_clip("a"), plain_clip("b", seed=3, frames=9), plain_clip("c", seed=4)]
    made = [made_for(clip) for clip in clips]
    made[1] = Generated(made[1].video, None, None)
    model = told_by_frame(
        [(clip.video_THWC[t : t + 1], 3 + 5 * ((7 * t + len(clip.key)) % 5) / 4)
         for clip in clips for t in range(len(clip.video_THWC))]
        + [(each.video[t : t + 1], 3 + 4 * ((5 * t) % 7) / 6)
           for each in made for t in range(len(each.video))]
    )  # fmt: skip
    measuring = replace(evaluator(), landmark_model=model)
    together = measuring.measure_together(clips, made)
    calls = len(model.shown)
    alone = [measuring.measure(clip, videos) for clip, videos in zip(clips, made, strict=True)]
    assert calls == 1
    for one, other in zip(together, alone, strict=True):
        assert list(one.rows) == list(other.rows)
        for row, figures in one.rows.items():
            assert figures == pytest.approx(other.rows[row], abs=1e-12, nan_ok=True)
        assert one.openings.keys() == other.openings.keys()
    assert "other_speech" not in together[1].rows
    assert together[0].rows["generated"] != together[2].rows["generated"]


def test_emotions_are_predicted_for_the_still_s_video_the_still_and_the_truth() -> None:
    clip = plain_clip(emotion="fear")
    assert clip.neutral_HWC is not None
    judge = BrightnessJudge()
    made = made_for(clip)
    assert made.from_still is not None
    found = evaluator(judge=judge).measure(clip, made)
    assert found.predictions is not None
    fresh = BrightnessJudge()
    assert found.predictions.wanted == EMOTIONS.index("fear")
    expected = {
        "generated": made.from_still, "still": clip.neutral_HWC[None], "truth": clip.video_THWC,
    }  # fmt: skip
    assert set(found.predictions.seen) == set(expected)
    for row, frames in expected.items():
        np.testing.assert_array_equal(found.predictions.seen[row], fresh.probabilities(frames))
    assert made.emotion_video is made.from_still
    assert not any(np.array_equal(frames, made.video) for frames in judge.shown)


def test_no_emotion_is_predicted_without_a_classifier_or_a_still() -> None:
    assert evaluator().measure(plain_clip(), made_for(plain_clip())).predictions is None
    clip = plain_clip(still=False)
    made = Generated(made_for(clip).video, None, None)
    assert evaluator(judge=BrightnessJudge()).measure(clip, made).predictions is None


def test_results_carry_the_clip_s_label_and_the_faulty_figures_only_on_request() -> None:
    clip = plain_clip("k", actor="bo", emotion="fear", intensity=0.25)
    found = evaluator().measure(clip, made_for(clip))
    assert (found.key, found.actor, found.emotion, found.intensity) == ("k", "bo", "fear", 0.25)
    assert found.as_reported == {}
    assert found.voiced_T.tolist() == [True] * 12
    faulty = evaluator(as_reported=True).measure(clip, made_for(clip))
    assert faulty.as_reported["nlmd_without_procrustes"] == faulty.rows["generated"]["nlmd_iod"]


def test_the_faulty_psnr_is_of_bytes_that_wrap() -> None:
    clip = plain_clip()
    video = clip.video_THWC - np.uint8(16)  # 16^2 = 256 = 0 in a byte: no error at all
    video[:, :64] -= np.uint8(1)  # 17^2 = 289 = 33
    faulty = evaluator(as_reported=True).measure(clip, Generated(video, None, None)).as_reported
    assert set(faulty) == {"psnr_of_wrapped_bytes", "nlmd_without_procrustes"}
    assert faulty["psnr_of_wrapped_bytes"] == pytest.approx(10 * math.log10(255**2 / 16.5))


def test_a_reencoded_video_has_the_true_one_s_frames_at_crf_23() -> None:
    frames = noise_frames(1, 7)
    again = reencode(frames)
    assert again.shape == frames.shape
    psnr = peak_signal_noise_ratio(frames / 255.0, again / 255.0, data_range=1.0)
    assert 25 < psnr < 45
    assert not np.array_equal(again, frames)
