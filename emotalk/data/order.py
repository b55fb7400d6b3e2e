"""Compute the k-th sample of a run: a pure function of the indexes and the seed.

Places are numbered through all epochs: place k belongs to epoch k // n, n being the places of an
epoch. Every epoch is a permutation: the shards are shuffled and cut into blocks, and the samples of
a block are shuffled among themselves, so that few tars are read at a time. Step k of a batch of B
clips covers the places k * B to k * B + B - 1 (a batch may straddle two epochs), and each rank
takes an equal run of them. A step's content does not depend on the number of ranks and workers.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotalk.seeding import numpy_generator

EPOCHS_KEPT = 2  # a batch meets at most the end of one and the beginning of the next


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the run."""

    number: int  # counted from the run's first clip
    epoch: int  # which pass over the samples
    sample: int  # index of the sample
    repeat: int  # index of this repetition of the sample within the epoch


class RecentEpochs:
    """Keep what was drawn for the epochs that were asked for last.

    Args:
        draw: returns the draws of an epoch.
    """

    def __init__(self, draw: Callable[[int], NDArray[np.int64]]) -> None:
        self._draw = draw
        self._drawn: OrderedDict[int, NDArray[np.int64]] = OrderedDict()

    def __getitem__(self, epoch: int) -> NDArray[np.int64]:
        """Return the draws of an epoch, made anew if they are not kept."""
        if epoch not in self._drawn:
            self._drawn[epoch] = self._draw(epoch)
            if len(self._drawn) > EPOCHS_KEPT:
                self._drawn.popitem(last=False)
        return self._drawn[epoch]


class Order:
    """The endless sequence of places.

    Args:
        shards: shard of each sample; samples of a shard stand together.
        seed: the run's.
        block_shards: shards whose samples are mixed with one another.
        repeats: repetitions of each sample in an epoch; None: one each.
        shuffled: False keeps the samples' own order, every epoch.

    Raises:
        ValueError: an epoch is empty, or the arguments' lengths differ.
    """

    def __init__(
        self,
        shards: Sequence[int] | NDArray[np.int32],
        *,
        seed: int,
        block_shards: int,
        repeats: Sequence[int] | NDArray[np.int64] | None = None,
        shuffled: bool = True,
    ) -> None:
        counts = np.ones(len(shards), np.int64) if repeats is None else np.asarray(repeats)
        if len(counts) != len(shards) or counts.sum() == 0:
            raise ValueError(f"order: {len(shards)} samples, {counts.sum()} places in an epoch")
        self._seed = seed
        self._block_shards = block_shards
        self._shuffled = shuffled
        self._sample = np.repeat(np.arange(len(shards)), counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        self._repeat = np.arange(len(self._sample)) - first
        shard_of_place = np.asarray(shards)[self._sample]
        by_shard = np.argsort(shard_of_place, kind="stable")
        seams = np.flatnonzero(np.diff(shard_of_place[by_shard])) + 1
        self._groups = np.split(by_shard, seams)
        self._permutations = RecentEpochs(self._draw)

    def __len__(self) -> int:
        """Return the number of places in an epoch."""
        return len(self._sample)

    def place(self, number: int) -> Place:
        """Return the place with this number, counted from 0."""
        epoch, position = divmod(number, len(self))
        entry = int(self._permutations[epoch][position])
        return Place(number, epoch, int(self._sample[entry]), int(self._repeat[entry]))

    def _draw(self, epoch: int) -> NDArray[np.int64]:
        if not self._shuffled:
            return np.arange(len(self))
        generator = numpy_generator(self._seed, "order", epoch)
        shards = generator.permutation(len(self._groups))
        size = self._block_shards
        blocks = [
            generator.permutation(np.concatenate([self._groups[n] for n in shards[i : i + size]]))
            for i in range(0, len(shards), size)
        ]
        return np.concatenate(blocks)


def rank_places(step: int, *, batch_size: int, rank: int, world_size: int) -> range:
    """Return the numbers of the places of a rank in a step; `batch_size` is that of all ranks."""
    share = batch_size // world_size
    first = step * batch_size + rank * share
    return range(first, first + share)
