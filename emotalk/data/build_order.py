"""Build the order of a run over one shard set or several."""

from collections.abc import Sequence

import numpy as np

from emotalk.config.data import DataConfig
from emotalk.data.balance import epoch_repeats
from emotalk.data.mixture import MixedSet, Mixture, shared_places
from emotalk.data.order import Order
from emotalk.errors import WrongUse
from emotalk.seeding import draw_seed
from emotalk.shards.joined_set import AnyShardSet, JoinedSet
from emotalk.shards.sample_table import Ints, SampleTable


def build_order(
    shard_set: AnyShardSet,
    samples: Sequence[SampleTable],
    config: DataConfig,
    seed: int,
    *,
    shuffled: bool,
) -> Order | Mixture:
    """Return the order of the samples, which are given set by set and numbered through all.

    Without `shuffled`, the sets' own order, one set after the other.

    Raises:
        WrongUse: no clip of a set would ever come.
    """
    if isinstance(shard_set, JoinedSet) and shuffled:
        return _mixture(shard_set, samples, config, seed)
    every = SampleTable.joined(samples)
    repeats = epoch_repeats(every, config.balance) if shuffled else None
    return _order(every, config, seed, repeats, shuffled=shuffled)


def share_lines(shard_set: AnyShardSet, order: Order | Mixture) -> list[str]:
    """Return a line on the share of each of several sets in an epoch."""
    if not isinstance(shard_set, JoinedSet) or not isinstance(order, Mixture):
        return []
    return [
        f"{name}: {part.samples} clips, {part.places} windows an epoch "
        f"({part.places / len(order):.1%}), {location.location}"
        for name, location, part in zip(shard_set.names, shard_set.sets, order.sets, strict=True)
    ]


def _mixture(
    shard_set: JoinedSet, samples: Sequence[SampleTable], config: DataConfig, seed: int
) -> Mixture:
    repeats = _repeats(shard_set, samples, config)
    orders = [
        _order(part, config, draw_seed(seed, "set", name), counts)
        for name, part, counts in zip(shard_set.names, samples, repeats, strict=True)
    ]
    places = shared_places([len(order) for order in orders], shard_set.weights)
    for part, weight, count in zip(shard_set.sets, shard_set.weights, places, strict=True):
        if count == 0:
            share = "what the others leave" if weight is None else f"its weight {weight:g}"
            raise WrongUse(
                f"shards: no clip of {part.location} would ever come: {share} is less than one of "
                f"the {sum(places)} windows of an epoch; give it more, or leave it out"
            )
    mixed = (
        MixedSet(order, len(part), count)
        for order, part, count in zip(orders, samples, places, strict=True)
    )
    return Mixture([*mixed], seed=seed)


def _repeats(
    shard_set: JoinedSet, samples: Sequence[SampleTable], config: DataConfig
) -> list[Ints | None]:
    """Return the repetitions of each set's samples.

    Without weights, emotions are counted over all sets together, as if they were one. With weights
    the share of a set is fixed, so they are balanced inside each.
    """
    locations = [part.location for part in shard_set.sets]
    if any(shard_set.weights):
        return [
            epoch_repeats(part, config.balance, location)
            for part, location in zip(samples, locations, strict=True)
        ]
    together = epoch_repeats(SampleTable.joined(samples), config.balance)
    if together is None:
        return [None] * len(samples)
    ends = np.cumsum([len(part) for part in samples])
    repeats = np.split(together, ends[:-1])
    for part, location in zip(repeats, locations, strict=True):
        if not part.any():
            raise WrongUse(
                f"data.balance: no clip of {location} would ever come: none has a level that "
                "counts; leave the set out, or set the level that its clips have to 1 or more"
            )
    return [*repeats]


def _order(
    samples: SampleTable,
    config: DataConfig,
    seed: int,
    repeats: Ints | None,
    *,
    shuffled: bool = True,
) -> Order:
    return Order(
        samples.shard_N,
        seed=seed,
        block_shards=config.shuffle_shards,
        repeats=repeats,
        shuffled=shuffled,
    )
