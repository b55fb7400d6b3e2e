"""The training loader reads what the stages need; missing shards are refused early."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.runs.loader import (
    UNLABELLED,
    build_train_loader,
    refuse_missing_shards,
    refuse_unlabelled,
    unknown_emotions,
    unknown_intensities,
)
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import MadeClip, made_clips, write_shard_set
from tests.helpers.tiny_training import ROOT, tiny_config, tiny_shards

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


def unlabelled_set(folder: Path, unknown: Callable[[int], bool]) -> ShardSet:
    """Return a set whose clips of these numbers have no label."""
    clips: list[MadeClip] = [
        replace(clip, emotion=None, neutral=False) if unknown(number) else clip
        for number, clip in enumerate(made_clips(6, frames=(12,)))
    ]
    return ShardSet.open(str(write_shard_set(folder, [("train", clips)])))


def test_losses_of_the_emotion_are_refused_where_no_clip_has_one(tmp_path: Path) -> None:
    shard_set = unlabelled_set(tmp_path / "shards", lambda number: True)
    with pytest.raises(WrongUse) as refusal:
        refuse_unlabelled(tiny_config(tmp_path), shard_set)
    said = str(refusal.value)
    for term in (
        "stages.emotion.updates.0.losses.emotion_real",
        "stages.gan.updates.0.losses.emotion,",
        "stages.gan.updates.1.losses.emotion ",
        "configs/train/unlabelled.yaml",
    ):
        assert term in said
    assert (ROOT / UNLABELLED).is_file()
    refuse_unlabelled(tiny_config(tmp_path, L1_ALONE), shard_set)
    loader = build_train_loader(tiny_config(tmp_path, L1_ALONE), shard_set)
    (line,) = unknown_emotions(loader)
    assert line.startswith("the emotion of 6 of 6 clips is unknown")


def test_one_labelled_clip_is_enough_and_the_others_are_counted(tmp_path: Path) -> None:
    shard_set = unlabelled_set(tmp_path / "shards", lambda number: number > 0)
    refuse_unlabelled(tiny_config(tmp_path), shard_set)
    (line,) = unknown_emotions(build_train_loader(tiny_config(tmp_path), shard_set))
    assert line.startswith("the emotion of 5 of 6 clips is unknown: the generator gets neutral")
    whole = ShardSet.open(str(tiny_shards(tmp_path / "whole")))
    assert unknown_emotions(build_train_loader(tiny_config(tmp_path), whole)) == []
