"""Read mono sound in blocks, from memory or from a temporary file."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotalk.schema import Floats

ITEM = np.dtype(np.float32).itemsize
BLOCK = 2**18  # samples


class SoundSource(Protocol):
    """Mono float samples in [-1, 1], their number known."""

    @property
    def size(self) -> int:
        """Return the number of samples."""
        ...

    def read(self, start: int, count: int) -> Floats:
        """Return up to `count` samples from `start` on."""
        ...


@dataclass(frozen=True)
class SoundInMemory:
    """Samples in an array."""

    samples_S: Floats

    @property
    def size(self) -> int:
        """Return the number of samples."""
        return self.samples_S.size

    def read(self, start: int, count: int) -> Floats:
        """Return up to `count` samples from `start` on."""
        return self.samples_S[start : start + count]


class SpooledSound:
    """Samples in an unnamed temporary file, which is removed with this object.

    It lies in Python's folder for temporary files (`TMPDIR`); an hour at 48 kHz has 0.7 GB.
    """

    def __init__(self) -> None:
        """Create the file, without samples."""
        self.size = 0
        self.start_s = 0.0  # time of position 0 on the clock that it shares with the video
        self.notes: tuple[str, ...] = ()  # notes for users on how it was read
        self.channels = 1  # of the file that it was read from; 1 too where their number changes
        self.unbroken = False  # whether it is the file's sound as it is, without gaps and faults
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed with this object

    def add(self, position: int, samples_S: Floats) -> None:
        """Add samples to those at a position, after silence where it is beyond the end.

        Samples before position 0 are left out.
        """
        samples_S = samples_S[max(0, -position) :].astype(np.float32)
        position = max(0, position)
        if not samples_S.size:
            return
        below = self._stored(position, samples_S.size)
        samples_S[: below.size] += below
        self._file.seek(position * ITEM)
        self._file.write(samples_S.tobytes())
        self.size = max(self.size, position + samples_S.size)

    def read(self, start: int, count: int) -> Floats:
        """Return up to `count` samples from `start` on, clipped to [-1, 1]."""
        return np.clip(self._stored(start, count), -1.0, 1.0)

    def _stored(self, start: int, count: int) -> Floats:
        count = min(count, self.size - start)
        if count <= 0:
            return np.zeros(0, np.float32)
        self._file.seek(start * ITEM)
        return np.frombuffer(self._file.read(count * ITEM), np.float32).copy()


def blocks_of(source: SoundSource, samples: int = BLOCK) -> Iterator[Floats]:
    """Yield a source's samples in blocks of at most `samples`."""
    for start in range(0, source.size, samples):
        yield source.read(start, samples)
