"""A frame is voiced where somebody speaks, not where the sound is loud."""

import numpy as np
import pytest
from numpy.typing import NDArray

from emotalk.media.resample import resample
from emotalk.media.spooled_sound import spool_audio
from emotalk.media.voiced_frames import voiced_frames
from emotalk.schema import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Floats
from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.clip import plan_clip
from emotalk.synthetic.voice import VOICE_RATE
from tests.helpers.shared import shared_data

SECOND = SAMPLE_RATE


@pytest.fixture(scope="module")
def speech_S() -> Floats:
    """Return a drawn person's sentence at 8 kHz, from its first sound to its last."""
    plan = plan_clip(make_actor(3, 0), "IEO", "neutral", "XX", 0)
    audio_S = resample(plan.audio_S, VOICE_RATE, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(audio_S) > 0.02)
    return audio_S[loud[0] : loud[-1]]


def test_speech_is_voiced_and_the_silence_around_it_is_not(speech_S: Floats) -> None:
    found = voiced_frames(np.pad(speech_S, SECOND))
    begin, end = FPS, FPS + len(speech_S) // SAMPLES_PER_FRAME
    assert len(found) == (len(speech_S) + 2 * SECOND) // SAMPLES_PER_FRAME
    assert found[begin + 2 : end - 2].all()
    assert not found[: begin - 2].any()
    assert not found[end + 3 :].any()


def test_loud_noise_and_tones_are_no_speech(speech_S: Floats) -> None:
    """A rule of loudness, relative to the loudest frame, takes all of it for speech."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.03, 2 * SECOND)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * SECOND) / SECOND)
    for sound in (noise, tone, np.zeros(2 * SECOND)):
        assert voiced_frames(sound.astype(np.float32)).mean() < 0.1
    hum = 0.02 * np.sin(2 * np.pi * 50 * np.arange(len(speech_S) + 2 * SECOND) / SECOND)
    found = voiced_frames((np.pad(speech_S, SECOND) + hum).astype(np.float32))
    assert found[FPS + 3 : -FPS - 3].mean() > 0.9
    assert found[: FPS - 3].mean() < 0.1


def test_how_loud_the_speech_is_matters_little(speech_S: Floats) -> None:
    padded = np.pad(speech_S, SECOND)
    assert (voiced_frames(padded * np.float32(0.1)) == voiced_frames(padded)).mean() > 0.95


def test_an_incomplete_frame_is_left_out_and_no_sound_has_no_frames() -> None:
    assert voiced_frames(np.zeros(0, np.float32)).shape == (0,)
    assert voiced_frames(np.zeros(SAMPLES_PER_FRAME - 1, np.float32)).shape == (0,)
    found = voiced_frames(np.zeros(3 * SAMPLES_PER_FRAME + 5, np.float32))
    assert found.shape == (3,)
    assert found.dtype == np.bool_


def test_the_frames_are_those_of_the_corpus_own_word_times() -> None:
    """GRID's clips: silence, six words, silence, with the noise of the room throughout."""
    folder = shared_data("data", "grid_s1_600")
    right = []
    for path in sorted(folder.glob("*.mp4"))[::40]:
        sound = spool_audio(path, rate=SAMPLE_RATE)
        found = voiced_frames(sound.read(0, sound.size))
        right.append((found == _spoken(path.stem, len(found))).mean())
    assert len(right) == 15
    assert np.mean(right) > 0.93


def _spoken(name: str, frames: int) -> NDArray[np.bool_]:
    lines = shared_data("data", "grid_s1_600", "align", f"{name}.align").read_text().splitlines()
    middle_T = (np.arange(frames) + 0.5) / FPS
    spoken_T = np.zeros(frames, np.bool_)
    for begin, end, word in (line.split() for line in lines):
        if word not in {"sil", "sp"}:
            spoken_T |= (middle_T >= int(begin) / 25_000) & (middle_T < int(end) / 25_000)
    return spoken_T
