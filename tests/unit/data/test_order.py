"""The order of a run, simulated with the code that the loader uses."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.data.order import Order, Place, rank_places

CREMA_D_CLIPS = 7442


def ragged(samples: int, seed: int = 0) -> list[int]:
    """Return the shard of each sample, shards of 1 to 100 samples."""
    sizes = np.random.default_rng(seed).integers(1, 101, samples)
    return [int(shard) for shard in np.repeat(np.arange(samples), sizes)[:samples]]


def sequence(order: Order, begin: int, end: int) -> list[tuple[int, int, int]]:
    places = [order.place(number) for number in range(begin, end)]
    return [(place.epoch, place.sample, place.repeat) for place in places]


@pytest.mark.parametrize("world_size", [1, 2, 8, 64, 512])
def test_any_number_of_ranks_together_sees_the_same_sequence(world_size: int) -> None:
    batch_size, steps = 512, 2 * CREMA_D_CLIPS // 512 + 1
    numbers: list[int] = []
    for step in range(steps):
        shares = [
            rank_places(step, batch_size=batch_size, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        assert {len(share) for share in shares} == {batch_size // world_size}
        numbers += [number for share in shares for number in share]
    assert numbers == list(range(steps * batch_size))


def test_every_clip_comes_exactly_once_per_epoch() -> None:
    order = Order(ragged(CREMA_D_CLIPS), seed=5, block_shards=16)
    for epoch in range(3):
        begin = epoch * CREMA_D_CLIPS
        seen = sequence(order, begin, begin + CREMA_D_CLIPS)
        assert sorted(sample for _, sample, _ in seen) == list(range(CREMA_D_CLIPS))
        assert {number for number, _, _ in seen} == {epoch}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    block=st.integers(1, 5),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_epochs_are_permutations_whatever_the_shards(
    sizes: list[int], block: int, seed: int, data: st.DataObject
) -> None:
    shards = np.repeat(np.arange(len(sizes)) * 3 + 1, sizes).tolist()  # numbers with gaps
    repeats = data.draw(
        st.lists(st.integers(0, 3), min_size=len(shards), max_size=len(shards)).filter(any)
    )
    order = Order(shards, seed=seed, block_shards=block, repeats=repeats)
    places = [order.place(number) for number in range(2 * len(order))]
    for epoch in (places[: len(order)], places[len(order) :]):
        counted = Counter((place.sample, place.repeat) for place in epoch)
        assert counted == Counter((s, r) for s, count in enumerate(repeats) for r in range(count))


def test_a_run_taken_up_anywhere_goes_on_as_if_unbroken() -> None:
    shards = ragged(701)
    unbroken = sequence(Order(shards, seed=9, block_shards=4), 0, 2200)
    for begin in (0, 1, 700, 701, 1500):
        assert sequence(Order(shards, seed=9, block_shards=4), begin, 2200) == unbroken[begin:]


def test_epochs_and_seeds_differ() -> None:
    order, other = (Order(ragged(300), seed=seed, block_shards=16) for seed in (1, 2))
    first = [sample for _, sample, _ in sequence(order, 0, 300)]
    assert first != [sample for _, sample, _ in sequence(order, 300, 600)]
    assert first != [sample for _, sample, _ in sequence(other, 0, 300)]
    assert first != sorted(first)


def test_a_block_of_shards_is_read_before_the_next_begins() -> None:
    shards = np.repeat(np.arange(12), 10).tolist()
    order = Order(shards, seed=3, block_shards=4)
    read = [shards[order.place(number).sample] for number in range(120)]
    blocks = [set(read[begin : begin + 40]) for begin in (0, 40, 80)]
    assert [len(block) for block in blocks] == [4, 4, 4]
    assert set().union(*blocks) == set(range(12))
    assert read[:10] != sorted(read[:10])


def test_unshuffled_order_is_the_samples_own() -> None:
    order = Order([0, 0, 1], seed=3, block_shards=1, shuffled=False)
    assert [sample for _, sample, _ in sequence(order, 0, 6)] == [0, 1, 2, 0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    share=st.integers(1, 5),
    world_size=st.integers(1, 9),
    start=st.integers(0, 3) | st.sampled_from([10**6, 10**9, 10**18]),
    seed=st.integers(0, 2**70),
)
def test_any_ranks_and_any_start_see_the_same_places(
    sizes: list[int], share: int, world_size: int, start: int, seed: int
) -> None:
    """Batches from one clip to several epochs long; each rank with an order of its own."""
    shards = np.repeat(np.arange(len(sizes)), sizes).tolist()
    batch_size, steps = share * world_size, range(start, start + 3)

    def seen(ranks: int, steps: range) -> list[Place]:
        orders = [Order(shards, seed=seed, block_shards=2) for _ in range(ranks)]
        return [
            orders[rank].place(number)
            for step in steps
            for rank in range(ranks)
            for number in rank_places(step, batch_size=batch_size, rank=rank, world_size=ranks)
        ]

    together = seen(world_size, steps)
    assert together == seen(1, steps)
    assert together[batch_size:] == seen(world_size, steps[1:])
    numbers = [place.number for place in together]
    assert numbers == list(range(start * batch_size, (start + 3) * batch_size))
    for epoch in {place.epoch for place in together}:
        samples = [place.sample for place in together if place.epoch == epoch]
        assert len(set(samples)) == len(samples)
    assert all(place.epoch == place.number // len(shards) for place in together)
