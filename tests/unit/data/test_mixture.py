"""Several sets have one global order, by weights or by size, on any ranks and from any step."""

from collections import Counter
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.data.mixture import MixedSet, Mixture, shared_places
from emotalk.data.order import Order, Place, rank_places

Sizes = list[list[int]]  # of each set, the sizes of its shards
SIZES = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=2, max_size=4)
WEIGHTS = st.floats(0.05, 1)


def mixture(sizes: Sizes, weights: list[float | None], seed: int) -> Mixture:
    """Return a mixture built as a process of its own would build it."""
    orders = [
        Order(np.repeat(np.arange(len(part)), part).tolist(), seed=seed + n, block_shards=2)
        for n, part in enumerate(sizes)
    ]
    places = shared_places([len(order) for order in orders], weights)
    mixed = [MixedSet(order, len(order), n) for order, n in zip(orders, places, strict=True)]
    return Mixture(mixed, seed=seed)


def set_of(place: Place, sizes: Sizes) -> int:
    """Return the number of the set that a place's sample belongs to."""
    ends = accumulate(sum(part) for part in sizes)
    return next(number for number, end in enumerate(ends) if place.sample < end)


@settings(max_examples=60, deadline=None)
@given(
    sizes=SIZES,
    weighted=st.booleans(),
    data=st.data(),
    share=st.integers(1, 5),
    world_size=st.integers(1, 9),
    start=st.integers(0, 40) | st.sampled_from([10**6, 10**12]),
    seed=st.integers(0, 2**40),
)
def test_ranks_together_see_one_sequence_and_a_resume_at_any_step_continues_it(
    sizes: Sizes,
    weighted: bool,
    data: st.DataObject,
    share: int,
    world_size: int,
    start: int,
    seed: int,
) -> None:
    weights: list[float | None] = [data.draw(WEIGHTS) if weighted else None for _ in sizes]
    batch_size = share * world_size

    def seen(ranks: int, steps: range) -> list[Place]:
        mixtures = [mixture(sizes, weights, seed) for _ in range(ranks)]
        return [
            mixtures[rank].place(number)
            for step in steps
            for rank in range(ranks)
            for number in rank_places(step, batch_size=batch_size, rank=rank, world_size=ranks)
        ]

    one = seen(1, range(start, start + 3))
    assert [place.number for place in one] == [*range(start * batch_size, (start + 3) * batch_size)]
    assert seen(world_size, range(start, start + 3)) == one
    assert seen(world_size, range(start + 1, start + 3)) == one[batch_size:]


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, seed=st.integers(0, 2**40))
def test_without_weights_every_clip_comes_once_an_epoch(sizes: Sizes, seed: int) -> None:
    mixed = mixture(sizes, [None] * len(sizes), seed)
    clips = sum(map(sum, sizes))
    assert len(mixed) == clips
    for epoch in range(3):
        places = [mixed.place(number) for number in range(epoch * clips, (epoch + 1) * clips)]
        assert sorted(place.sample for place in places) == list(range(clips))
        assert {place.epoch for place in places} == {epoch}


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, seed=st.integers(0, 2**40), data=st.data())
def test_with_weights_each_set_keeps_its_share_and_goes_through_all_its_clips(
    sizes: Sizes, seed: int, data: st.DataObject
) -> None:
    weights: list[float | None] = [data.draw(WEIGHTS) for _ in sizes]
    mixed = mixture(sizes, weights, seed)
    places = [part.places for part in mixed.sets]
    seen = [mixed.place(number) for number in range(6 * len(mixed))]
    for number, part in enumerate(mixed.sets):
        own = [place for place in seen if set_of(place, sizes) == number]
        assert len(own) == 6 * places[number]
        visits = Counter((place.sample, place.epoch) for place in own)
        assert max(visits.values(), default=1) == 1
        counts = Counter(place.sample for place in own)
        if own:
            least = len(own) // part.samples
            assert set(counts.values()) <= {least, least + 1}
            assert (len(counts) == part.samples) == (least > 0)


@settings(max_examples=15, deadline=None)
@given(sizes=SIZES, seed=st.integers(0, 2**40))
def test_every_stretch_of_an_epoch_holds_the_shares(sizes: Sizes, seed: int) -> None:
    """Of the first m places, each set has its share within 1 + the number of sets."""
    sizes = [[40 * size for size in part] for part in sizes]
    mixed = mixture(sizes, [None] * len(sizes), seed)
    found: Counter[int] = Counter()
    for number in range(len(mixed)):
        found[set_of(mixed.place(number), sizes)] += 1
        for which, part in enumerate(mixed.sets):
            expected = (number + 1) * part.places / len(mixed)
            assert abs(found[which] - expected) <= 1 + len(sizes)


def test_sets_of_the_same_size_are_not_in_step() -> None:
    """One rank of two must not get the one set alone."""
    mixed = mixture([[50], [50]], [None, None], 3)
    firsts = [set_of(mixed.place(number), [[50], [50]]) for number in range(0, 100, 2)]
    assert 10 < sum(firsts) < 40


def test_epochs_and_seeds_are_mixed_anew() -> None:
    sizes = [[9, 9], [12]]
    drawn = [
        [set_of(mixture(sizes, [None, None], seed).place(30 * epoch + n), sizes) for n in range(30)]
        for seed, epoch in ((1, 0), (1, 1), (2, 0))
    ]
    assert drawn[0] != drawn[1]
    assert drawn[0] != drawn[2]


@pytest.mark.parametrize(
    ("lengths", "weights", "places"),
    [
        ([7, 3], [None, None], [7, 3]),
        ([700, 300], [0.5, 0.5], [500, 500]),
        ([700, 300], [2, 6], [250, 750]),
        ([700, 300], [0.9, None], [900, 100]),
        ([500, 300, 200], [0.5, None, None], [500, 300, 200]),
        ([400, 300, 300], [0.2, None, None], [200, 400, 400]),
        ([5, 5, 5], [1, 1, 1], [5, 5, 5]),
        ([3, 4], [1, 1], [4, 3]),  # 3.5 each: the first of equal remainders goes up
        ([900, 100], [1e-6, 1], [0, 1000]),
    ],
)
def test_the_places_of_an_epoch(
    lengths: list[int], weights: list[float | None], places: list[int]
) -> None:
    assert shared_places(lengths, weights) == places


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 10**6), min_size=2, max_size=6),
    data=st.data(),
)
def test_places_sum_to_an_epoch_and_miss_their_share_by_less_than_one(
    lengths: list[int], data: st.DataObject
) -> None:
    weights = [data.draw(st.floats(1e-6, 1e6)) for _ in lengths]
    places = shared_places(lengths, weights)
    assert sum(places) == sum(lengths)
    for count, weight in zip(places, weights, strict=True):
        assert abs(count - sum(lengths) * weight / sum(weights)) < 1 + 1e-6
