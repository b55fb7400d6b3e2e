"""Mix the channels of a recording to mono.

- Mono is the mean of the channels. If its power is less than a quarter of that of uncorrelated
  channels, they cancel each other (one has inverted polarity), and the loudest channel is used.
- A DC offset above 1 % of full scale is subtracted. A smaller one stays, so that ordinary
  recordings keep their samples unchanged.
"""

from dataclasses import dataclass

import numpy as np

from emotalk.schema import Floats

CANCELLED = 0.25  # of the power of the mean of uncorrelated channels
MIN_OFFSET = 0.01  # of full scale


@dataclass(frozen=True)
class Mixdown:
    """Mix blocks with one number of channels to mono."""

    channel: int | None = None  # index of the channel to use; None: the mean of all
    offset: float = 0.0  # constant to subtract

    @property
    def description(self) -> str:
        """Return a text: how the mix differs from the plain mean of the channels."""
        done = []
        if self.channel is not None:
            done.append(f"its channels cancel each other, channel {self.channel + 1} is taken")
        if self.offset:
            done.append(f"a constant offset of {self.offset:.3f} of full scale is taken off")
        return "; ".join(done) or "the mean of its channels"

    def apply(self, samples_SC: Floats) -> Floats:
        """Return the samples as mono, float32 (S,)."""
        mono_S = mean(samples_SC) if self.channel is None else samples_SC[:, self.channel]
        return mono_S - np.float32(self.offset) if self.offset else mono_S


class ChannelStatistics:
    """Collect statistics of the channels over a recording's blocks; their number may change."""

    def __init__(self) -> None:
        """Start before the first block."""
        self._sums: dict[int, _Sums] = {}

    def add(self, samples_SC: Floats) -> None:
        """Add a block (S, C)."""
        channels = samples_SC.shape[1]
        self._sums.setdefault(channels, _Sums(channels)).add(samples_SC)

    def mixdowns(self) -> dict[int, Mixdown]:
        """Return number of channels -> mixing of blocks with so many channels."""
        return {channels: sums.mixdown() for channels, sums in self._sums.items()}


def mean(samples_SC: Floats) -> Floats:
    """Return the mean of the channels."""
    mean_S: Floats = np.einsum("sc->s", samples_SC) / np.float32(samples_SC.shape[1])
    return mean_S


class _Sums:
    """Hold sums of samples and of their squares, for each channel and last for the mean of all."""

    def __init__(self, channels: int) -> None:
        self.channels, self.count = channels, 0
        self.values = np.zeros(channels + 1)
        self.squares = np.zeros(channels + 1)

    def add(self, samples_SC: Floats) -> None:
        wide_CS = np.empty((self.channels + 1, len(samples_SC)))
        wide_CS[:-1], wide_CS[-1] = samples_SC.T, mean(samples_SC)
        if not np.isfinite(wide_CS).all():
            wide_CS[~np.isfinite(wide_CS)] = 0.0
        self.count += len(samples_SC)
        self.values += wide_CS.sum(axis=1)
        self.squares += np.einsum("cs,cs->c", wide_CS, wide_CS)

    def mixdown(self) -> Mixdown:
        middle = self.values / max(1, self.count)
        power = np.maximum(0.0, self.squares / max(1, self.count) - np.square(middle))
        alone = power[:-1].sum() / self.channels**2
        if self.channels > 1 and power[-1] < CANCELLED * alone:
            chosen = int(np.argmax(power[:-1]))
            return Mixdown(chosen, _offset(middle[chosen]))
        return Mixdown(None, _offset(middle[-1]))


def _offset(middle: float) -> float:
    return float(middle) if abs(middle) > MIN_OFFSET else 0.0
