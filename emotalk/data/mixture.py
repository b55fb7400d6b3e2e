"""Mix the orders of several shard sets to one: a pure function of the indexes, weights and seed.

An epoch of the mixture has as many places as the epochs of its sets together. Each set has its
share of them and fills it from its own endless order, which the next epoch continues. So every clip
of a set comes once before one comes twice, whatever the weights. Without weights a share is the
set's own epoch, and every clip comes once in each epoch of the mixture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotalk.data.order import Order, Place, RecentEpochs
from emotalk.seeding import numpy_generator


@dataclass(frozen=True)
class MixedSet:
    """One set of a mixture."""

    order: Order
    samples: int  # of the set; they stand before those of the next set
    places: int  # in an epoch of the mixture


class Mixture:
    """The endless sequence of the places of several sets.

    The j-th of a set's n places lies at a random point of the j-th of n equal parts of the epoch.
    So every stretch of an epoch holds each set's share, to within a few places.

    Args:
        sets: each with at least one place.
        seed: the run's.
    """

    def __init__(self, sets: Sequence[MixedSet], *, seed: int) -> None:
        self.sets = tuple(sets)
        self._seed = seed
        self._first = np.cumsum([0, *(part.samples for part in self.sets)])
        self._turns = RecentEpochs(self._draw)

    def __len__(self) -> int:
        """Return the number of places in an epoch."""
        return sum(part.places for part in self.sets)

    def place(self, number: int) -> Place:
        """Return the place with this number, counted from 0; its epoch is that of its set."""
        epoch, position = divmod(number, len(self))
        which, turn = (int(n) for n in self._turns[epoch][position])
        part = self.sets[which]
        own = part.order.place(epoch * part.places + turn)
        return Place(number, own.epoch, int(self._first[which]) + own.sample, own.repeat)

    def _draw(self, epoch: int) -> NDArray[np.int64]:
        """Return for each place the number of its set, and its number among that set's places."""
        counts = np.array([part.places for part in self.sets])
        which = np.repeat(np.arange(len(counts)), counts)
        turn = np.concatenate([np.arange(count) for count in counts])
        generator = numpy_generator(self._seed, "mixture", epoch)
        when = (turn + generator.random(len(turn))) / counts[which]
        return np.stack([which, turn], axis=1)[np.argsort(when, kind="stable")]


def shared_places(lengths: Sequence[int], weights: Sequence[float | None]) -> list[int]:
    """Return the places of each set in an epoch; together they are the sum of `lengths`.

    Weights are shares of the epoch. Sets without one divide what is left by their lengths. If every
    set has a weight, the weights count relative to their sum. Fractions are rounded so that the
    largest remainders go up.
    """
    total, given = sum(lengths), sum(weight for weight in weights if weight is not None)
    if given == 0:
        return list(lengths)
    unweighted = sum(n for n, weight in zip(lengths, weights, strict=True) if weight is None)
    whole = 1.0 if unweighted else given
    exact = np.array(
        [
            total * ((1 - given) * length / unweighted if weight is None else weight / whole)
            for length, weight in zip(lengths, weights, strict=True)
        ]
    )
    places = np.floor(exact).astype(int)
    missing = total - int(places.sum())
    places[np.argsort(places - exact, kind="stable")[:missing]] += 1
    return [int(n) for n in places]
