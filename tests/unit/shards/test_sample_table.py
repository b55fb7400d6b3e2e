"""The table of a split's samples: each sample comes back as it was put in, whatever is done."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotalk.schema import EMOTIONS_MEAD8
from emotalk.shards.sample_table import Sample, SampleTable

SAMPLES = st.lists(
    st.builds(
        Sample,
        key=st.text(min_size=1, max_size=6).filter(lambda text: text.isprintable()),
        frames=st.integers(1, 2**31 - 1),
        actor=st.sampled_from(["1001", "ann", "美"]),
        emotion=st.sampled_from([None, *EMOTIONS_MEAD8]),
        intensity=st.one_of(st.none(), st.floats(0, 1)),
        shard=st.integers(0, 20_000),
        members=st.dictionaries(
            st.sampled_from(["mp4", "flac", "json", "neutral.png"]),
            st.tuples(st.integers(0, 2**50), st.integers(0, 2**50)),
        ),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(samples=SAMPLES)
def test_every_sample_comes_back(samples: list[Sample]) -> None:
    table = SampleTable.of(samples)
    assert list(table) == samples
    assert [table[n] for n in range(-len(samples), 0)] == samples
    assert [table.key(n) for n in range(len(samples))] == [s.key for s in samples]
    assert [list(s.members) for s in table] == [list(s.members) for s in samples], "their order"
    assert list(table[1:3]) == samples[1:3]
    assert set(table.emotions()) == {s.emotion for s in samples}
    assert set(table.actors.used()) == {s.actor for s in samples}
    assert pickle.loads(pickle.dumps(table)) == table  # noqa: S301  as a worker is given it


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(parts=st.lists(SAMPLES, max_size=4))
def test_tables_are_joined_in_order(parts: list[list[Sample]]) -> None:
    table = SampleTable.joined(map(SampleTable.of, parts))
    assert list(table) == [sample for part in parts for sample in part]


@settings(max_examples=60, deadline=None)
@given(samples=SAMPLES, data=st.data())
def test_a_choice_keeps_the_chosen_in_order(samples: list[Sample], data: st.DataObject) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=len(samples), max_size=len(samples)))
    chosen = SampleTable.of(samples).where(np.array(flags, np.bool_))
    assert list(chosen) == [sample for sample, flag in zip(samples, flags, strict=True) if flag]
    assert set(chosen.actors.used()) == {sample.actor for sample in chosen}
    having = chosen.having(lambda members: "mp4" in members)
    assert having.tolist() == ["mp4" in sample.members for sample in chosen]


def test_a_part_of_several_sets_has_its_name_in_front() -> None:
    table = SampleTable.of([Sample("M1", 5, "M003", None, None, 2, {"mp4": (512, 1)})])
    assert list(table.named("mead", 7)) == [
        Sample("mead.M1", 5, "mead.M003", None, None, 9, {"mp4": (512, 1)})
    ]


def test_places_beyond_the_end_are_none() -> None:
    table = SampleTable.of([Sample("a", 5, "b", None, None, 2, {})])
    for number in (1, -2):
        with pytest.raises(IndexError, match=f"sample {number} of 1"):
            table[number]
