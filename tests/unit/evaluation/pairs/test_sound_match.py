"""The sound of a generated video is compared with the true one by its waveform."""

import numpy as np
import pytest

from emotalk.evaluation.pairs.sound_match import match_sound
from emotalk.schema import SAMPLE_RATE, Floats


def speech(seed: int) -> Floats:
    """Return three seconds of noise in bursts."""
    rng = np.random.default_rng(seed)
    bursts = np.repeat(rng.random(30) > 0.4, SAMPLE_RATE // 10)
    return (0.2 * rng.normal(size=3 * SAMPLE_RATE) * bursts).astype(np.float32)


@pytest.mark.parametrize("samples", [-2560, -320, 0, 320, 4000])
def test_a_delay_is_found_to_the_sample(samples: int) -> None:
    true = speech(0)
    own = np.roll(true, samples)
    if samples > 0:
        own[:samples] = 0
    elif samples:
        own[samples:] = 0
    match = match_sound(-0.5 * own, true)
    assert match.delay_s == samples / SAMPLE_RATE
    assert match.likeness > 0.7
    assert match.same


def test_other_speech_and_silence_are_another_sound() -> None:
    assert not match_sound(speech(1), speech(0)).same
    assert match_sound(np.zeros(8000, np.float32), speech(0)[:8000]) == (0.0, 0.0)
    assert match_sound(np.zeros(0, np.float32), np.zeros(0, np.float32)).likeness == 0


def test_likeness_is_numpys_correlation_at_that_delay() -> None:
    true = speech(0)
    own = true + 0.2 * speech(2)
    centred = (own - own.mean(), true - true.mean())
    expected = np.dot(*centred) / np.sqrt(np.dot(centred[0], centred[0]) * np.dot(*centred[1:] * 2))
    assert match_sound(own, true).likeness == pytest.approx(expected, rel=1e-4)
