"""Resampling against torchaudio, scipy and tones; its memory does not depend on the rates."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from emotalk.media.resample import BETA, ROLLOFF, ZERO_CROSSINGS, _sample_by_sample, resample
from emotalk.media.torchaudio_cpu import functional


def test_resampling_keeps_speech_and_drops_what_the_new_rate_cannot_hold() -> None:
    t = np.arange(44100) / 44100
    low, high = np.sin(2 * np.pi * 1000 * t), np.sin(2 * np.pi * 5000 * t)
    resampled = resample((0.4 * low + 0.4 * high).astype(np.float32), 44100, 8000)
    wanted = 0.4 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    assert resampled.shape == (8000,)
    middle = slice(200, -200)
    np.testing.assert_allclose(resampled[middle], wanted[middle], atol=2e-3)
    reference = signal.resample_poly(0.4 * low + 0.4 * high, 80, 441, window=("kaiser", 12.0))
    np.testing.assert_allclose(resampled[middle], reference[middle], atol=0.02)


@settings(max_examples=25, deadline=None)
@given(old=st.integers(1, 60), new=st.integers(1, 60), samples=st.integers(1, 3000))
def test_filters_computed_one_by_one_are_those_of_torchaudio(
    old: int, new: int, samples: int
) -> None:
    sound = np.random.Generator(np.random.PCG64(samples)).uniform(-1, 1, samples)
    divisor = math.gcd(old, new)
    if old == new:
        return
    reference = functional().resample(
        torch.from_numpy(sound),
        old,
        new,
        lowpass_filter_width=ZERO_CROSSINGS,
        rolloff=ROLLOFF,
        resampling_method="sinc_interp_kaiser",
        beta=BETA,
    )
    found = _sample_by_sample(sound.astype(np.float32), old // divisor, new // divisor)
    np.testing.assert_allclose(found, reference.numpy(), atol=2e-6)


@pytest.mark.parametrize("rate", [44_101, 47_999, 999_983])
def test_rates_without_a_common_divisor_keep_the_tone(rate: int) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32)
    wanted = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    resampled = resample(tone, rate, 8000)
    np.testing.assert_allclose(resampled[200:-200], wanted[200:-200], atol=2e-3)


def test_memory_does_not_follow_the_rates() -> None:
    script = """
import resource
import numpy as np
from emotalk.media.resample import resample
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
resample(np.zeros(44_100, np.float32), 44_100, 8000)
before = most()
resample(np.zeros(44_101, np.float32), 44_101, 8000)
print(most() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) < 200  # MiB
