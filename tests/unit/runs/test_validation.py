"""Each process validates its share of the clips."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emotalk.evaluation.clips import spread_clips
from emotalk.evaluation.validation import sample_keys
from emotalk.runs.facts import model_facts
from emotalk.runs.validation import build_validation
from emotalk.shards.shard_set import ShardSet
from tests.helpers.tiny_training import tiny_config, tiny_shards


def test_each_process_validates_its_share_of_the_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes: one clip each of two, none twice; all of them are shown."""
    config = tiny_config(tmp_path, "validation.clips=4")
    shard_set = ShardSet.open(str(tiny_shards(tmp_path / "shards")))
    keys = []
    for rank in range(2):
        runtime = cast(Any, SimpleNamespace(rank=rank, world_size=2))
        part = build_validation(config, runtime, shard_set, model_facts(config))
        assert part is not None
        keys.append([clip.key for clip in part.clips])
    assert [len(share) for share in keys] == [2, 2]
    assert sorted(keys[0] + keys[1]) == sorted(s.key for s in shard_set.split("val").samples)


def test_the_clips_are_those_of_validations_own_draw(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "validation.clips=3", "validation.samples=2", "seed=9")
    shard_set = ShardSet.open(str(tiny_shards(tmp_path / "shards")))
    runtime = cast(Any, SimpleNamespace(rank=0, world_size=1))
    validation = build_validation(config, runtime, shard_set, model_facts(config))
    assert validation is not None
    samples = shard_set.split("val").samples
    drawn = spread_clips(samples, 3, seed=9, purpose="validation", over_actors=False)
    assert [clip.key for clip in validation.clips] == [sample.key for sample in drawn]
    assert validation.sample_keys == sample_keys(drawn, 2, "first_frame")
    assert validation.seed == 9
