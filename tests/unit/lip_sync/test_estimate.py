"""The estimate finds by how many frames real sound is late, and says when it cannot."""

import numpy as np
import pytest
import torch

from emotalk.lip_sync.estimate import (
    LipSyncModel,
    SyncEstimate,
    estimate_sync,
    load_lip_sync_model,
)
from emotalk.media.resample import resample
from emotalk.schema import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Floats
from emotalk.synthetic.actor import FIRST_NUMBER, make_actor
from emotalk.synthetic.clip import CLIP_FPS, plan_clip
from emotalk.synthetic.sentences import SENTENCES
from emotalk.synthetic.voice import VOICE_RATE
from tests.helpers.talking_clips import NAMES, talking_clip


@pytest.fixture(scope="module")
def model() -> LipSyncModel:
    return load_lip_sync_model()


def shifted(landmarks_TLP: Floats, audio_S: Floats, late: int) -> tuple[Floats, Floats]:
    """Return the part of a clip that is left when its sound is moved `late` frames back."""
    if late >= 0:
        return landmarks_TLP[late:], audio_S[: len(audio_S) - late * SAMPLES_PER_FRAME]
    return landmarks_TLP[:late], audio_S[-late * SAMPLES_PER_FRAME :]


@pytest.mark.parametrize("name", NAMES)
def test_clips_of_people_never_seen_are_in_step(model: LipSyncModel, name: str) -> None:
    estimate = estimate_sync(model, *talking_clip(name))
    assert estimate.verdict == "in_step"
    assert abs(estimate.offset) <= 1
    assert estimate.confidence > 0.8


@pytest.mark.parametrize("late", [-12, -6, -3, 2, 4, 8, 11])
@pytest.mark.parametrize("name", NAMES)
def test_moving_the_sound_moves_the_offset_by_as_much(
    model: LipSyncModel, name: str, late: int
) -> None:
    estimate = estimate_sync(model, *shifted(*talking_clip(name), late))
    assert abs(estimate.offset - late) <= 1
    assert estimate.verdict in ("shifted", "unsure")


def test_the_longest_offset_is_the_one_that_is_asked_for(model: LipSyncModel) -> None:
    late = shifted(*talking_clip("lrwp9a"), 8)
    assert abs(estimate_sync(model, *late, max_offset=5).offset) <= 5
    assert abs(estimate_sync(model, *late, max_offset=9).offset - 8) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_anothers_speech_does_not_pass_for_the_own(model: LipSyncModel, name: str) -> None:
    landmarks_TLP, own_S = talking_clip(name)
    other_S = talking_clip(NAMES[1 - NAMES.index(name)])[1]
    own = estimate_sync(model, landmarks_TLP, own_S)
    other = estimate_sync(model, landmarks_TLP, other_S)
    assert other.verdict in ("no_lag_fits", "unsure")
    assert other.confidence < own.confidence
    assert other.correlation < own.correlation


def dubbed(name: str) -> tuple[Floats, Floats]:
    """Return a clip whose speech was moved by more than a second, round its end."""
    landmarks_TLP, speech_S = talking_clip(name)
    return landmarks_TLP, np.roll(speech_S, 35 * SAMPLES_PER_FRAME)


@pytest.mark.parametrize("name", NAMES)
def test_no_lag_fits_a_dubbed_clip_of_which_there_is_enough(model: LipSyncModel, name: str) -> None:
    landmarks_TLP, speech_S = dubbed(name)
    assert estimate_sync(model, landmarks_TLP, speech_S).verdict == "no_lag_fits"
    short = estimate_sync(model, landmarks_TLP[:60], speech_S[: 60 * SAMPLES_PER_FRAME])
    assert short.verdict == "unsure"


def test_a_clip_that_is_in_step_for_a_while_is_unsure_and_not_refused(model: LipSyncModel) -> None:
    landmarks_TLP, own_S = talking_clip("lrwp9a")
    half = 40 * SAMPLES_PER_FRAME
    mixed_S = np.concatenate([own_S[:half], talking_clip("brbk7n")[1][half:]])
    assert estimate_sync(model, landmarks_TLP, mixed_S).verdict == "unsure"


def drawn_talk(actor: int, first: int) -> tuple[Floats, Floats]:
    """Return two sentences of a drawn actor at 25 frames a second."""
    sentences = [*SENTENCES, *SENTENCES][first : first + 2]
    landmarks, speech = [], []
    for sentence in sentences:
        plan = plan_clip(make_actor(5, FIRST_NUMBER + actor), sentence, "happiness", "HI", 5)
        frames = int(len(plan.landmarks_TLP) / float(CLIP_FPS) * FPS) - 1
        places = np.round(np.arange(frames) / FPS * float(CLIP_FPS)).astype(int)
        landmarks.append(plan.landmarks_TLP[places].astype(np.float32))
        sound_S = resample(plan.audio_S, VOICE_RATE, SAMPLE_RATE)
        speech.append(sound_S[: frames * SAMPLES_PER_FRAME])
    return np.concatenate(landmarks), np.concatenate(speech)


def test_voices_unlike_those_of_the_training_are_never_refused(model: LipSyncModel) -> None:
    talks = [drawn_talk(actor, first) for actor, first in ((0, 0), (1, 3), (2, 6))]
    for number, (landmarks_TLP, own_S) in enumerate(talks):
        own = estimate_sync(model, landmarks_TLP, own_S)
        assert abs(own.offset) <= 1
        assert own.verdict in ("in_step", "unsure")
        other_S = talks[number - 1][1]
        frames = min(len(landmarks_TLP), len(other_S) // SAMPLES_PER_FRAME)
        other = estimate_sync(model, landmarks_TLP[:frames], other_S[: frames * SAMPLES_PER_FRAME])
        assert other.verdict == "unsure"


@pytest.mark.parametrize("sound", ["silence", "noise", "a word"])
def test_scarce_speech_leaves_it_unsure(model: LipSyncModel, sound: str) -> None:
    landmarks_TLP, speech_S = talking_clip("lrwp9a")
    audio_S = np.zeros_like(speech_S)
    if sound == "noise":
        audio_S = np.random.default_rng(0).normal(0, 0.1, len(speech_S)).astype(np.float32)
    elif sound == "a word":
        audio_S[8000:11000] = speech_S[8000:11000]
    assert estimate_sync(model, landmarks_TLP, audio_S).verdict == "unsure"


def test_lips_that_do_not_move_leave_it_unsure(model: LipSyncModel) -> None:
    landmarks_TLP, speech_S = talking_clip("lrwp9a")
    still_TLP = np.repeat(landmarks_TLP[:1], len(landmarks_TLP), 0)
    wander = np.linspace(0, 9, len(still_TLP), dtype=np.float32)[:, None, None]
    estimate = estimate_sync(model, still_TLP + wander, speech_S)
    assert (estimate.verdict, estimate.confidence) == ("unsure", 0.0)


@pytest.mark.parametrize("frames", [0, 1, 5, 23, 24, 30])
def test_a_short_clip_is_unsure(model: LipSyncModel, frames: int) -> None:
    landmarks_TLP, speech_S = talking_clip("lrwp9a")
    audio_S = speech_S[: frames * SAMPLES_PER_FRAME]
    assert estimate_sync(model, landmarks_TLP[:frames], audio_S).verdict == "unsure"


@pytest.mark.parametrize("where", ["landmarks", "sound"])
def test_numbers_that_are_not_finite_leave_it_unsure(model: LipSyncModel, where: str) -> None:
    landmarks_TLP, speech_S = talking_clip("lrwp9a")
    (landmarks_TLP if where == "landmarks" else speech_S)[7] = np.nan
    assert estimate_sync(model, landmarks_TLP, speech_S) == SyncEstimate(
        0, 0.0, "unsure", 0.0, comparable=False
    )


def test_the_crop_and_the_loudness_do_not_matter(model: LipSyncModel) -> None:
    landmarks_TLP, speech_S = talking_clip("brbk7n")
    estimate = estimate_sync(model, landmarks_TLP, speech_S)
    other = estimate_sync(model, 3.7 * landmarks_TLP + 40, 0.05 * speech_S)
    assert other.offset == estimate.offset
    assert other.correlation == pytest.approx(estimate.correlation, abs=0.002)


def test_the_result_does_not_depend_on_threads_and_they_are_restored(model: LipSyncModel) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = estimate_sync(model, *talking_clip("brbk7n"))
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert estimate_sync(model, *talking_clip("brbk7n")) == two
    finally:
        torch.set_num_threads(before)


def test_sound_of_another_length_is_refused(model: LipSyncModel) -> None:
    landmarks_TLP, speech_S = talking_clip("brbk7n")
    with pytest.raises(ValueError, match=r"sound.*expected 24000"):
        estimate_sync(model, landmarks_TLP, speech_S[:-1])
    with pytest.raises(ValueError, match="max_offset: 0"):
        estimate_sync(model, landmarks_TLP, speech_S, max_offset=0)


def test_a_long_dubbed_clip_is_not_sure_because_it_is_long(model: LipSyncModel) -> None:
    """Speech of the same pace fits a little at some lag, however long it goes on."""
    lips = np.concatenate([talking_clip(name)[0] for name in NAMES * 6])
    speech = np.concatenate([talking_clip(name)[1] for name in NAMES[::-1] * 6])
    estimate = estimate_sync(model, lips, speech)
    assert estimate.verdict in ("unsure", "no_lag_fits")
    own = np.concatenate([talking_clip(name)[1] for name in NAMES * 6])
    assert estimate_sync(model, lips, own).verdict == "in_step"
