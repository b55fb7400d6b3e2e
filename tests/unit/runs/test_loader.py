"""The training loader reads what the stages need; missing shards are refused early."""

from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs.loader import build_train_loader, refuse_missing_shards, unknown_intensities
from emotalk.shards.shard_set import ShardSet
from tests.helpers.tiny_training import tiny_config, tiny_shards

L1_ALONE = (
    "stages=[{name: first, iterations: 1, updates: "
    "[{network: generator, lr: 0.1, losses: {l1: 1}}]}]"
)


def test_shards_that_are_not_there_are_refused_with_the_command_that_makes_them(
    tmp_path: Path,
) -> None:
    with pytest.raises(WrongUse, match=r"no such folder.*etl/shard\.py"):
        refuse_missing_shards(tiny_config(tmp_path))
    tiny_shards(tmp_path / "shards")
    refuse_missing_shards(tiny_config(tmp_path))


def test_the_loader_reads_other_speech_where_the_pair_discriminator_learns(tmp_path: Path) -> None:
    shard_set = ShardSet.open(str(tiny_shards(tmp_path / "shards")))
    pairs = build_train_loader(tiny_config(tmp_path), shard_set)
    assert pairs.batches.config.other_speech
    alone = build_train_loader(tiny_config(tmp_path, L1_ALONE), shard_set)
    assert not alone.batches.config.other_speech
    intensity = tiny_config(tmp_path, "emotion.use_intensity=true")
    (line,) = unknown_intensities(intensity, pairs)
    assert "3 of 12 clips do not say" in line
    assert unknown_intensities(tiny_config(tmp_path), pairs) == []
