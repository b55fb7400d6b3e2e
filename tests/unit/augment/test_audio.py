import numpy as np
import pytest
import torch
from torch import Tensor

from emotalk.augment.audio import SpeechAugment, SpeechDraw
from emotalk.config.augment import SpeechAugmentConfig
from emotalk.errors import WrongUse

KEYS = ("a", "b", "c")
PLACES = (10, 11, 12)


def config_of(**noise: object) -> SpeechAugmentConfig:
    return SpeechAugmentConfig.model_validate({"noise": {"p": 1.0, **noise}})


def speech() -> Tensor:
    times = torch.arange(13120) / 8000
    return torch.stack([torch.sin(2 * torch.pi * f * times) * 0.5 for f in (200, 300, 400)])


def changed_by(config: SpeechAugmentConfig, babble: Tensor | None = None) -> Tensor:
    return SpeechAugment(config)(speech(), keys=KEYS, places=PLACES, seed=5, babble_BS=babble)


@pytest.mark.parametrize("kind", ["white", "pink", "babble"])
def test_noise_lies_as_far_below_the_speech_as_drawn(kind: str) -> None:
    config = config_of(kinds=[kind], snr_db=[3.0, 20.0])
    babble = torch.randn(3, 13120, generator=torch.Generator().manual_seed(0)) * 7
    noise = changed_by(config, babble) - speech()
    for row, (key, place) in enumerate(zip(KEYS, PLACES, strict=True)):
        wanted = SpeechDraw.of(config, 5, place, key).snr_db
        ratio = 10 * torch.log10(speech()[row].square().mean() / noise[row].square().mean())
        assert float(ratio) == pytest.approx(wanted, abs=0.01)


def power_slope(noise: Tensor) -> float:
    """Return the slope of the power spectrum between 50 Hz and 3 kHz, dB an octave."""
    power = np.abs(np.fft.rfft(noise.numpy())) ** 2
    hertz = np.fft.rfftfreq(noise.shape[-1], 1 / 8000)
    edges = 50 * 2 ** np.arange(6)
    bands = [power[(hertz >= low) & (hertz < 2 * low)].mean() for low in edges]
    return float(np.polyfit(np.arange(6), 10 * np.log10(bands), 1)[0])


def test_white_noise_is_level_and_pink_falls_by_three_decibels_an_octave() -> None:
    for kind, wanted in [("white", 0.0), ("pink", -3.0)]:
        noise = changed_by(config_of(kinds=[kind])) - speech()
        slopes = [power_slope(row) for row in noise]
        assert np.mean(slopes) == pytest.approx(wanted, abs=0.6)


def test_gain_is_the_drawn_number_of_decibels() -> None:
    config = SpeechAugmentConfig.model_validate({"gain": {"p": 1.0, "range": [-6, -6]}})
    np.testing.assert_allclose(changed_by(config), speech() * 10 ** (-6 / 20), rtol=1e-5)


def test_draws_do_not_depend_on_which_rank_holds_the_clip() -> None:
    config = SpeechAugmentConfig.model_validate({"noise": {"p": 0.5}, "gain": {"p": 0.5}})
    whole = changed_by(config)
    for row in range(3):
        alone = SpeechAugment(config)(
            speech()[row : row + 1], keys=KEYS[row : row + 1], places=PLACES[row : row + 1], seed=5
        )
        assert torch.equal(alone[0], whole[row])


def test_silence_stays_silence() -> None:
    silent = torch.zeros(1, 3200)
    changed = SpeechAugment(config_of())(silent, keys=("a",), places=(0,), seed=0)
    assert not changed.any()
    babble = SpeechAugment(config_of(kinds=["babble"]))(
        speech(), keys=KEYS, places=PLACES, seed=0, babble_BS=torch.zeros(3, 13120)
    )
    assert torch.equal(babble, speech())


def test_babble_without_voices_is_refused() -> None:
    with pytest.raises(WrongUse, match=r"set data\.babble_voices"):
        changed_by(config_of(kinds=["babble"]))


def test_the_speech_given_is_not_written_to() -> None:
    given = speech()
    SpeechAugment(config_of())(given, keys=KEYS, places=PLACES, seed=5)
    assert torch.equal(given, speech())


def test_a_clip_gets_new_noise_each_time_it_comes() -> None:
    config = config_of()
    seeds = {SpeechDraw.of(config, 1, place, "clip").seed for place in range(8)}
    assert len(seeds) == 8
