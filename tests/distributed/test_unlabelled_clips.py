"""One labelled clip of twelve: on two processes every step has one without any label."""

from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest

from tests.distributed.equality import losses, worst_loss
from tests.helpers.shard_set import made_clips, write_shard_set
from tests.helpers.tiny_training import tiny_yaml, train

pytestmark = pytest.mark.distributed
# As in `equality`: small steps, so that rounding does not grow.
WORDS = (
    "stages.emotion.updates.0.lr=1e-4",
    "stages.gan.updates.0.lr=1e-4",
    "stages.gan.updates.1.lr=1e-4",
    "optim.eps=1e-6",
    "optim.ema=0",
    "checkpoint.every=0",
)


def test_two_processes_learn_from_one_label_what_one_process_does(tmp_path: Path) -> None:
    first, *others = made_clips(12, frames=(12,))
    clips = [first, *(replace(clip, emotion=None) for clip in others)]
    config = tiny_yaml(tmp_path, write_shard_set(tmp_path / "shards", [("train", clips)]))
    for processes in (1, 2):
        done = train(config, tmp_path / f"run{processes}", *WORDS, processes=processes)
        assert done.returncode == 0, done.stderr
    one, two = (losses(tmp_path / f"run{processes}") for processes in (1, 2))
    share, name = worst_loss(two, one)
    assert share <= 1, name
    assert all(isfinite(value) for line in two for value in line.values())
    labelled = [line for line in two if any("emotion" in name for name in line)]
    assert (len(two), len(labelled)) == (6, 2), "the clip comes once in each of two epochs"
