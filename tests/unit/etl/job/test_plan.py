"""What is decided before any work: no actor in two splits, fixed shards, fair neutral stills."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.config.etl import EtlConfig, SplitConfig
from emotalk.errors import WrongUse
from emotalk.schema import ClipLabel
from etl.corpora.listing import SourceClip
from etl.job.plan import (
    check_keys,
    choose_neutrals,
    decisive_config,
    plan_shards,
    samples_per_shard,
)
from etl.job.splits import split_groups


def clip(actor: str, name: str, emotion: str | None = "neutral") -> SourceClip:
    label = ClipLabel(key=f"{actor}_{name}", clip=f"{name}.flv", actor=actor, emotion=emotion)
    return SourceClip(label, Path(f"{name}.flv"))


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text("abcdef", min_size=1), min_size=3, max_size=60), st.integers(0, 5))
def test_every_actor_is_in_one_split_and_every_split_has_one(actors: set[str], seed: int) -> None:
    split = split_groups(actors, SplitConfig(seed=seed))
    assert set(split) == actors
    assert set(split.values()) == {"train", "val", "test"}
    share = sum(name == "train" for name in split.values()) / len(actors)
    assert abs(share - 0.7) <= 1.01 / len(actors) + 0.21 * (len(actors) < 7)


def test_the_seed_decides_the_splits_and_the_order_of_actors_does_not() -> None:
    actors = [str(number) for number in range(1001, 1092)]
    first = split_groups(actors, SplitConfig(seed=1))
    assert first == split_groups(actors[::-1], SplitConfig(seed=1))
    assert first != split_groups(actors, SplitConfig(seed=2))
    assert [list(first.values()).count(s) for s in ("train", "val", "test")] == [64, 14, 13]


def test_too_few_actors_are_refused_with_the_way_out() -> None:
    with pytest.raises(WrongUse, match=r"1 actors cannot fill.*split\.by=clip"):
        split_groups({"s1"}, SplitConfig())
    assert split_groups({"s1"}, SplitConfig(shares=(1.0, 0.0, 0.0))) == {"s1": "train"}


def test_a_large_corpus_gets_tars_of_more_samples_and_others_those_they_had() -> None:
    config = EtlConfig(corpus="folder", source="x", output=Path("y"))
    assert [samples_per_shard(config, clips) for clips in (1, 7442, 50_000)] == [64] * 3
    assert [samples_per_shard(config, clips) for clips in (50_001, 10**6)] == [512] * 2
    said = EtlConfig(corpus="folder", source="x", output=Path("y"), samples_per_shard=7)
    assert samples_per_shard(said, 10**6) == 7
    split_of = dict.fromkeys(map(str, range(50_001)), "train")
    for stored, clips in ((64, {}), (512, split_of)):
        assert decisive_config(config, (), "shares", clips)["samples_per_shard"] == stored


def test_shards_hold_every_key_once_in_equal_parts() -> None:
    split_of = {f"k{i}": "train" if i % 5 else "test" for i in range(103)}
    shards = plan_shards(split_of, 16)
    keys = [key for shard in shards for key in shard.keys]
    assert sorted(keys) == sorted(split_of)
    assert all(split_of[key] == shard.split for shard in shards for key in shard.keys)
    assert [len(shard.keys) for shard in shards] == [16, 16, 16, 16, 16, 2, 16, 5]
    assert shards[0].file == "train-000000.tar"
    assert shards[0].keys != tuple(sorted(shards[0].keys))
    assert shards == plan_shards(dict(reversed(split_of.items())), 16)


def test_the_neutral_still_is_the_one_with_the_smallest_hash() -> None:
    neutral = [clip("a", f"n{i}") for i in range(4)]
    angry = clip("a", "x", "anger")
    chosen = choose_neutrals([*neutral, angry, clip("b", "y", "anger")])
    ranked = sorted(neutral, key=lambda c: hashlib.sha256(f"a/{c.label.clip}".encode()).hexdigest())
    first, second = ranked[0].label.key, ranked[1].label.key
    assert chosen["a_x"] == first
    assert chosen[first] == second
    assert all(chosen[c.label.key] == first for c in ranked[1:])
    assert "b_y" not in chosen


def test_the_only_neutral_clip_lends_its_still_to_itself() -> None:
    assert choose_neutrals([clip("a", "n")]) == {"a_n": "a_n"}


def test_shared_keys_are_refused_with_both_names() -> None:
    one, two = clip("a", "n"), SourceClip(clip("a", "n").label, Path("other.flv"))
    with pytest.raises(WrongUse, match=r"1 keys belong to several clips.*\n.*a_n: n.flv, n.flv"):
        check_keys([one, two])


def test_paths_and_workers_do_not_decide_the_bytes() -> None:
    def config(**more: object) -> EtlConfig:
        tree = {"corpus": "crema_d", "source": "x", "output": "y", **more}
        return EtlConfig.model_validate(tree)

    clips = [clip("a", "n")]
    base = decisive_config(config(), clips)
    assert base == decisive_config(config(source="z", output="w", workers=7), clips)
    assert base == decisive_config(config(landmarks={"root": "elsewhere"}), clips)
    assert base != decisive_config(config(video={"crf": 20}), clips)
    assert base != decisive_config(config(), [*clips, clip("b", "m")])


def test_a_clip_of_unknown_emotion_is_nobodys_neutral_still() -> None:
    clips = [clip("a", f"u{number}", None) for number in range(9)]
    assert choose_neutrals(clips) == {}
    labelled = clip("a", "n")
    assert set(choose_neutrals([*clips, labelled]).values()) == {labelled.label.key}
