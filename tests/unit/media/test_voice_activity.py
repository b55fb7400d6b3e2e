"""The probability of speech is that of silero-vad, however the sound is divided into blocks."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotalk.media import voice_activity
from emotalk.media.resample import resample
from emotalk.media.sound_source import SoundInMemory
from emotalk.media.voice_activity import CONTEXT, RATE, WINDOW, speech_probabilities
from emotalk.onnx_session import open_session
from emotalk.schema import Floats
from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.clip import plan_clip
from emotalk.synthetic.voice import VOICE_RATE


@pytest.fixture(scope="module")
def speech_S() -> Floats:
    """Return a drawn person's sentence after a second of silence, at 16 kHz."""
    plan = plan_clip(make_actor(3, 0), "IEO", "neutral", "XX", 0)
    return np.pad(resample(plan.audio_S, VOICE_RATE, RATE), RATE)


def test_speech_is_told_from_silence(speech_S: Floats) -> None:
    found = speech_probabilities(SoundInMemory(speech_S))
    assert len(found) == -(-speech_S.size // WINDOW)
    second = RATE // WINDOW
    assert found[: second - 1].max() < 0.3
    assert np.median(found[second + 5 : -second - 5]) > 0.9
    noise = np.random.default_rng(0).normal(0, 0.01, 2 * RATE).astype(np.float32)
    assert speech_probabilities(SoundInMemory(noise)).max() < 0.5


def test_values_are_those_of_the_window_by_window_model(speech_S: Floats) -> None:
    """The package's other model file runs one window at a time, its state handed on by us."""
    package = find_spec("silero_vad")
    assert package is not None
    folder = Path((package.submodule_search_locations or [])[0])
    session = open_session(folder / "data" / "silero_vad.onnx")
    state, before = np.zeros((2, 1, 128), np.float32), np.zeros(CONTEXT, np.float32)
    expected = []
    for start in range(0, speech_S.size, WINDOW):
        window = np.pad(speech_S[start : start + WINDOW], (0, WINDOW))[:WINDOW]
        value, state = session.run(
            None,
            {
                "input": np.concatenate([before, window])[None],
                "state": state,
                "sr": np.array(RATE, np.int64),
            },
        )
        expected.append(value[0, 0])
        before = window[-CONTEXT:]
    found = speech_probabilities(SoundInMemory(speech_S))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_blocks_change_no_value(speech_S: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = speech_probabilities(SoundInMemory(speech_S))
    monkeypatch.setattr(voice_activity, "BLOCK", 7)
    np.testing.assert_allclose(speech_probabilities(SoundInMemory(speech_S)), whole, atol=1e-5)


def test_a_day_of_silence_is_not_computed(
    speech_S: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows has the values that it has after silence that was computed."""
    blocks = voice_activity.SETTLED // voice_activity.BLOCK + 4
    gap_S = np.zeros(blocks * voice_activity.BLOCK * WINDOW, np.float32)
    sound = SoundInMemory(np.concatenate([speech_S, gap_S, speech_S]))
    model, computed = voice_activity.load_model(), 0

    class Counted:
        def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
            nonlocal computed
            computed += len(inputs["input"])
            return model.run(outputs, inputs)

    monkeypatch.setattr(voice_activity, "load_model", Counted)
    found = speech_probabilities(sound)
    assert len(found) == -(-sound.size // WINDOW)
    assert (
        len(found) - 4 * voice_activity.BLOCK <= computed <= len(found) - 2 * voice_activity.BLOCK
    )
    monkeypatch.setattr(voice_activity, "SETTLED", len(found))
    np.testing.assert_allclose(found, speech_probabilities(sound), atol=3e-3)


def test_no_sound_gives_no_values() -> None:
    assert speech_probabilities(SoundInMemory(np.zeros(0, np.float32))).shape == (0,)
