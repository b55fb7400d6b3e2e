"""The band filters that the speech encoder may begin with."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import freqz

from emotalk.models.speech_encoder import SpeechEncoder
from emotalk.models.speech_filterbank import filterbank, initialise_filterbank
from emotalk.schema import SAMPLE_RATE


def response(filter_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies and gains of a filter, by scipy."""
    hz, gain = freqz(filter_N, worN=4096, fs=SAMPLE_RATE)
    return hz, np.abs(gain)


def test_each_pair_passes_its_own_band_and_bands_rise_evenly_on_the_mel_scale() -> None:
    peaks = []
    for cosine_N in filterbank(32, 63)[0::2].numpy().astype(np.float64):
        hz, gain = response(cosine_N)
        peaks.append(hz[gain.argmax()])
    mel = 2595 * np.log10(1 + np.array(peaks) / 700)
    assert peaks[-1] == pytest.approx(3600, abs=20)
    steps = np.diff(mel)[2:]  # below 200 Hz the 8 ms of the kernel cannot tell frequencies apart
    assert steps == pytest.approx(np.full(len(steps), steps.mean()), rel=0.1)


def test_a_pair_holds_the_strength_of_a_tone_whatever_its_phase() -> None:
    cosine_N, sine_N = filterbank(32, 63)[20:22].double()
    hz, gain = response(cosine_N.numpy())
    seconds_N = torch.arange(63, dtype=torch.float64) / SAMPLE_RATE
    strengths = []
    for phase in np.linspace(0, 2 * np.pi, 9):
        tone_N = torch.cos(2 * np.pi * hz[gain.argmax()] * seconds_N + phase)
        strengths.append(float((cosine_N @ tone_N) ** 2 + (sine_N @ tone_N) ** 2))
    assert np.ptp(strengths) < 0.02 * np.mean(strengths)


def test_the_first_convolution_alone_begins_as_the_filterbank() -> None:
    torch.manual_seed(0)
    encoder = SpeechEncoder(features=16, filters=(9, 8, 8, 8))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    initialise_filterbank(encoder)
    after = encoder.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"convs.0.weight", "convs.0.bias"}
    assert torch.equal(after["convs.0.weight"][:, 0], filterbank(9, 63))
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_the_logarithm_of_the_power_rises_by_the_same_step_for_each_tenfold_power() -> None:
    torch.manual_seed(0)
    encoder = SpeechEncoder(features=16, filters=(16, 8, 8, 8), first_activation="log_power")
    initialise_filterbank(encoder)
    seconds_S = torch.arange(1600, dtype=torch.float64) / SAMPLE_RATE
    tone_BCS = torch.cos(2 * torch.pi * 1000 * seconds_S).float()[None, None]
    with torch.no_grad():
        heard = [encoder.convolve(0, level * tone_BCS)[0] for level in (1.0, 0.1**0.5, 0.1)]
    assert heard[0].shape[0] == 16, "one value of each pair of 32 filters"
    band = int(heard[0].mean(dim=1).argmax())
    steps = [float((a - b)[band].mean()) for a, b in pairwise(heard)]
    assert steps == pytest.approx([np.log(10) / 3] * 2, rel=2e-3)
