"""Mono sound that is read piece by piece, wherever it lies: in memory or in a temporary file."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotalk.schema import Floats

ITEM = np.dtype(np.float32).itemsize
PIECE = 2**18  # samples


class SoundSource(Protocol):
    """Mono float samples in [-1, 1] of a known number."""

    @property
    def size(self) -> int:
        """Return the number of samples."""
        ...

    def read(self, start: int, count: int) -> Floats:
        """Return the samples from `start` on, `count` of them or as many as there are."""
        ...


@dataclass(frozen=True)
class SoundInMemory:
    """An array of samples."""

    samples_S: Floats

    @property
    def size(self) -> int:
        """Return the number of samples."""
        return self.samples_S.size

    def read(self, start: int, count: int) -> Floats:
        """Return a part of the samples."""
        return self.samples_S[start : start + count]


class SpooledSound:
    """Samples in a temporary file without a name, which ends with this object.

    The folder is Python's for temporary files (`TMPDIR`); an hour at 48 kHz takes 0.7 GB there.
    """

    def __init__(self) -> None:
        """Begin with no sample."""
        self.size = 0
        self.notes: tuple[str, ...] = ()  # what people should know of how it was read
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed with this object

    def add(self, position: int, samples_S: Floats) -> None:
        """Add samples at a place: on top of what is there, behind silence where that is later.

        Args:
            position: of the first sample; what lies before 0 is left out.
            samples_S: the samples.
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
        """Return a part of the samples, clipped to [-1, 1]."""
        return np.clip(self._stored(start, count), -1.0, 1.0)

    def _stored(self, start: int, count: int) -> Floats:
        count = min(count, self.size - start)
        if count <= 0:
            return np.zeros(0, np.float32)
        self._file.seek(start * ITEM)
        return np.frombuffer(self._file.read(count * ITEM), np.float32).copy()


def pieces_of(source: SoundSource, samples: int = PIECE) -> Iterator[Floats]:
    """Yield a source's samples in pieces of at most `samples`."""
    for start in range(0, source.size, samples):
        yield source.read(start, samples)


def whole(source: SoundSource) -> Floats:
    """Return all samples of a source."""
    return source.read(0, source.size)
