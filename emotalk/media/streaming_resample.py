"""Resample sound that is read in blocks: the same samples as those of the whole at once."""

import math
from collections.abc import Iterator

import numpy as np

from emotalk.media.resample import filter_reach, resample
from emotalk.schema import Floats

BLOCK_S = 30.0  # of sound that is resampled at once


class StreamingResampler:
    """Resample from one rate to another, in memory for some seconds of sound."""

    def __init__(self, rate: int, new_rate: int, *, block_s: float = BLOCK_S) -> None:
        """Start before the first sample; `block_s` seconds are resampled at once."""
        self.rate, self.new_rate = rate, new_rate
        divisor = math.gcd(rate, new_rate)
        self._old, self._new = rate // divisor, new_rate // divisor
        around = 0 if rate == new_rate else filter_reach(self._old, self._new) + self._old
        self._context = -(-around // self._old) * self._old
        self._block = max(1, round(block_s * rate / self._old)) * self._old
        self._begin = 0  # number of the first sample kept, a multiple of `_old`
        self._done = 0  # samples that have been resampled, a multiple of `_old`
        self._kept: list[Floats] = []
        self._length = 0  # of all kept

    def push(self, samples_S: Floats) -> Iterator[Floats]:
        """Yield the blocks of output that these samples complete."""
        self._kept.append(samples_S.astype(np.float32))
        self._length += samples_S.size
        while self._begin + self._length >= self._done + self._block + self._context:
            yield self._resampled(self._done + self._block)

    def flush(self) -> Floats:
        """Return the last samples; the output then has ceil(samples * new_rate / rate) in all."""
        return self._resampled(self._begin + self._length)

    def _resampled(self, end: int) -> Floats:
        """Return the output from `_done` to `end`, and drop input that is no longer needed."""
        held_S = np.concatenate(self._kept) if self._kept else np.zeros(0, np.float32)
        last = min(end + self._context, self._begin + held_S.size)
        new_S = resample(held_S[: last - self._begin], self.rate, self.new_rate)
        first = (self._done - self._begin) // self._old * self._new
        count = -(-(end - self._done) * self._new // self._old)
        forget = max(self._begin, (end - self._context) // self._old * self._old)
        held_S = held_S[forget - self._begin :]
        self._kept, self._length = [held_S], held_S.size
        self._begin, self._done = forget, end
        return new_S[first : first + count]
