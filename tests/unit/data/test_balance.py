"""Clips that come more often than once an epoch, and all else that stays as it was."""

import logging
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.config.data import BalanceConfig
from emotalk.data.balance import epoch_repeats
from emotalk.data.order import Order, rank_places
from emotalk.errors import WrongUse
from emotalk.schema import EMOTIONS
from emotalk.shards.sample_table import Sample, SampleTable
from tests.helpers.loader import loader_of, taken
from tests.helpers.shard_set import MadeClip, write_shard_set


def level_name(intensity: float | None) -> str:
    return {None: "unknown", 0.3: "low", 0.6: "medium", 1.0: "high"}[intensity]


@settings(max_examples=25, deadline=None)
@given(
    feelings=st.lists(
        st.tuples(st.sampled_from(EMOTIONS), st.sampled_from([None, 0.3, 0.6, 1.0])),
        min_size=1, max_size=30,
    ),
    weights=st.fixed_dictionaries(
        dict.fromkeys(("low", "medium", "high", "unknown"), st.integers(1, 4))
    ),
    emotions=st.sampled_from(["off", "equal"]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_balanced_epochs_hold_each_clip_as_often_as_was_printed(
    feelings: list[tuple[str, float | None]], weights: dict[str, int], emotions: str, seed: int
) -> None:
    """Every epoch the same counts, in an order and with windows that ranks do not change."""
    samples = [
        Sample(f"c{n}", 40, "a", emotion, level, n // 4, {})
        for n, (emotion, level) in enumerate(feelings)
    ]
    config = BalanceConfig.model_validate({"emotions": emotions, **weights})
    repeats = epoch_repeats(SampleTable.of(samples), config)
    counts = [1] * len(samples) if repeats is None else repeats.tolist()
    order = Order([s.shard for s in samples], seed=seed, block_shards=2, repeats=counts)
    for epoch in range(3):
        numbers = range(epoch * len(order), (epoch + 1) * len(order))
        came = Counter(order.place(number).sample for number in numbers)
        assert [came[n] for n in range(len(samples))] == counts
    if emotions == "equal":
        before, after = Counter[str](), Counter[str]()
        for sample, count in zip(samples, counts, strict=True):
            assert sample.emotion is not None
            before[sample.emotion] += weights[level_name(sample.intensity)]
            after[sample.emotion] += count
        most = max(before.values())
        assert all(2 * most <= 3 * places <= 4 * most for places in after.values())
    for world_size in (2, 4):
        shares = [
            rank_places(step, batch_size=8, rank=rank, world_size=world_size)
            for step in range(5)
            for rank in range(world_size)
        ]
        assert [number for share in shares for number in share] == list(range(40))


@pytest.mark.parametrize(
    ("intensity", "times"),
    [(None, 5), (0.0, 2), (0.49, 2), (0.5, 3), (0.89, 3), (0.9, 4), (1.0, 4)],
)
def test_a_level_begins_at_its_own_intensity(intensity: float | None, times: int) -> None:
    table = SampleTable.of([Sample("c", 40, "a", "anger", intensity, 0, {})])
    config = BalanceConfig(low=2, medium=3, high=4, unknown=5)
    counts = epoch_repeats(table, config)
    assert counts is not None
    assert counts.tolist() == [times]
    assert epoch_repeats(table, BalanceConfig()) is None


def test_balance_repeats_clips_a_fixed_number_of_times(tmp_path: Path) -> None:
    """Four neutral clips and one of anger: anger comes four times, in windows of its own."""
    clips = [MadeClip(f"n{n}", 41, "a", "neutral", None) for n in range(4)]
    clips.append(MadeClip("angry", 41, "a", "anger", None))
    write_shard_set(tmp_path, [("train", clips)])
    loader = loader_of(tmp_path, batch_size=8, balance=BalanceConfig(emotions="equal"))
    assert loader.clips_per_epoch == 8
    batch = taken(loader, 1)[0]
    assert sorted(batch.keys) == ["angry"] * 4 + ["n0", "n1", "n2", "n3"]
    starts = {
        int(batch.landmarks_BTLP[row, 0, 0, 0])
        for row, key in enumerate(batch.keys)
        if key == "angry"
    }
    assert len(starts) > 1


def test_levels_can_be_weighted(tmp_path: Path) -> None:
    clips = [MadeClip(f"c{level}", 30, "a", "fear", level / 10) for level in (3, 6, 10)]
    write_shard_set(tmp_path, [("train", clips)])
    loader = loader_of(tmp_path, batch_size=5, balance=BalanceConfig(low=0, medium=2, high=3))
    assert sorted(taken(loader, 1)[0].keys) == ["c10", "c10", "c10", "c6", "c6"]


def test_weights_that_leave_no_clip_are_refused(tmp_path: Path) -> None:
    clips = [MadeClip(f"c{n}", 30, "a", "fear", None) for n in range(3)]
    write_shard_set(tmp_path, [("train", clips)])
    with pytest.raises(WrongUse, match=r"no clip would ever come: low=1, .*unknown=0"):
        loader_of(tmp_path, balance=BalanceConfig(emotions="equal", unknown=0))


def test_the_printed_balance_is_the_one_that_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clips = [MadeClip(f"n{n}", 41, "a", "neutral", 1.0) for n in range(5)]
    clips += [MadeClip(f"a{n}", 41, "a", "anger", 0.3) for n in range(2)]
    write_shard_set(tmp_path, [("train", clips)])
    with caplog.at_level(logging.INFO):
        loader = loader_of(tmp_path, balance=BalanceConfig(emotions="equal", high=2))
    assert "balance: 2 clips of anger come 5 times an epoch" in caplog.text
    assert "balance: 5 clips of neutral come 2 times an epoch" in caplog.text
    assert loader.clips_per_epoch == 20


def test_clips_of_unknown_emotion_are_not_balanced(caplog: pytest.LogCaptureFixture) -> None:
    """They neither set the most frequent emotion's number nor are repeated to reach it."""
    emotions = ["anger"] * 4 + ["fear"] * 2 + [None] * 9
    samples = [Sample(f"c{n}", 40, "a", e, 1.0, 0, {}) for n, e in enumerate(emotions)]
    with caplog.at_level(logging.INFO):
        counts = epoch_repeats(SampleTable.of(samples), BalanceConfig(emotions="equal"))
    assert counts is not None
    assert counts.tolist() == [1] * 4 + [2] * 2 + [1] * 9
    assert "balance: 9 clips of unknown come 1 times an epoch" in caplog.messages
    unknown = SampleTable.of(samples[6:])
    without = epoch_repeats(unknown, BalanceConfig(emotions="equal", unknown=3))
    assert without is not None
    assert without.tolist() == [3] * 9, "their levels are unknown too"
