"""Resample sound, band-limited to half the lower rate."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from scipy import special

from emotalk.media.torchaudio_cpu import torchaudio
from emotalk.schema import Doubles, Floats

ZERO_CROSSINGS = 32  # of the sinc on either side
ROLLOFF = 0.95  # cutoff frequency as a share of half the lower rate
BETA = 12.0  # of the Kaiser window
MAX_FILTER_VALUES = 2**24  # of torchaudio's table for a pair of rates; 64 MB
BLOCK = 2**20  # products that are summed at once without the table


def resample(audio_S: Floats, rate: int, new_rate: int) -> Floats:
    """Return the signal at `new_rate` Hz: a sinc over 64 zero crossings with a Kaiser window.

    The result has `ceil(S * new_rate / rate)` samples; sample 0 keeps its time. torchaudio computes
    it, unless the rates have so small a common divisor (44101 and 8000 Hz: 1) that its table of
    filters would have gigabytes.
    """
    if rate == new_rate or not audio_S.size:
        return audio_S.astype(np.float32)
    divisor = math.gcd(rate, new_rate)
    old, new = rate // divisor, new_rate // divisor
    if new * (old + 2 * filter_reach(old, new)) > MAX_FILTER_VALUES:
        return _sample_by_sample(audio_S, old, new)
    resampled: torch.Tensor = _table_of_filters(old, new)(
        torch.from_numpy(np.ascontiguousarray(audio_S, np.float32))
    )
    return resampled.numpy()


@lru_cache(maxsize=8)
def _table_of_filters(old: int, new: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return torchaudio's resampler; making it takes as long as resampling a clip."""
    resampler: Callable[[torch.Tensor], torch.Tensor] = torchaudio().transforms.Resample(
        old,
        new,
        lowpass_filter_width=ZERO_CROSSINGS,
        rolloff=ROLLOFF,
        resampling_method="sinc_interp_kaiser",
        beta=BETA,
    )
    return resampler


def _sample_by_sample(audio_S: Floats, old: int, new: int) -> Floats:
    """Return the result of torchaudio's filters, each computed when it is used."""
    reach = filter_reach(old, new)
    padded = np.pad(audio_S.astype(np.float64), reach)
    around = np.arange(-reach, reach + 1)
    count = -(-audio_S.size * new // old)
    step = max(1, BLOCK // around.size)
    resampled = np.empty(count, np.float32)
    for start in range(0, count, step):
        wanted = np.arange(start, min(start + step, count), dtype=np.int64)
        nearest = wanted * old // new
        off_NR = (nearest[:, None] + around) * new - wanted[:, None] * old  # in 1 / (old * new)
        weights_NR = _filter(off_NR / (old * new), old, new)
        inside_NR = np.minimum(nearest[:, None] + around + reach, padded.size - 1)
        resampled[start : start + step] = np.einsum("nr,nr->n", padded[inside_NR], weights_NR)
    return resampled


def filter_reach(old: int, new: int) -> int:
    """Return the filter's reach to either side in samples of the old rate."""
    return math.ceil(ZERO_CROSSINGS * old / (min(old, new) * ROLLOFF))


def grid_start(start: int, rate: int, new_rate: int) -> tuple[int, int]:
    """Return how many samples to add before a signal, and its first sample at the new rate.

    With them the signal starts at a sample of both rates, so that each sample keeps its time.
    `start` is the number of the signal's first sample, counted from time 0 at its own rate.
    """
    divisor = math.gcd(rate, new_rate)
    before = start % (rate // divisor)
    return before, (start - before) // (rate // divisor) * (new_rate // divisor)


def _filter(seconds: Doubles, old: int, new: int) -> Doubles:
    """Return the filter's values at these distances, in seconds of the reduced rates."""
    cutoff = min(old, new) * ROLLOFF
    crossings = np.clip(seconds * cutoff, -ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = special.i0(BETA * np.sqrt(1 - (crossings / ZERO_CROSSINGS) ** 2)) / special.i0(BETA)
    values: Doubles = np.sinc(crossings) * window * (cutoff / old)
    return values
