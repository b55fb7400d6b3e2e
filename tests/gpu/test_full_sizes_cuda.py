"""Every preset trains at its own sizes on one GPU past its validations; its speed is read."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from tests.helpers.presets import HERE, PRESETS, full_preset
from tests.helpers.shard_set import made_clips, made_members, textured_video, write_shard_set
from tests.helpers.tiny_training import ROOT
from tests.helpers.train_here import train_here

ROUNDS = 6  # steps between two log lines, at least; a stage has two, and the second is read
WORKERS = 3


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    train, val = made_clips(72, frames=(75, 90)), made_clips(6, frames=(75,), prefix="v")
    return write_shard_set(
        tmp_path_factory.mktemp("full") / "shards",
        [("train", train[:36]), ("train", train[36:]), ("val", val)],
        members_of=lambda clip: made_members(clip, textured_video(clip)),
    )


def share_of_one_gpu(preset: str) -> int:
    """Return the clips that one process of the preset takes in a step."""
    words = ["shards=x", "run_dir=x", *set(HERE) - {"runtime.processes=1"}]
    config = load_config(TrainConfig, ROOT / f"configs/train/{preset}.yaml", words)
    return config.data.batch_size // config.runtime.processes


def full_size_run(preset: str, shards: Path, run_dir: Path, *words: str) -> TrainConfig:
    """Return a preset at its own sizes, its stages cut to two log lines and two validations."""
    stages = full_preset(preset).stages
    every = math.lcm(*(update.every for stage in stages for update in stage.updates))
    steps = every * math.ceil(ROUNDS / every)
    lengths = [word for number in range(len(stages)) for word in (
        f"stages.{number}.iterations={2 * steps}", f"stages.{number}.epochs=null")]  # fmt: skip
    return full_preset(
        preset, *lengths, f"shards={shards}", f"run_dir={run_dir}", f"data.workers={WORKERS}",
        f"data.batch_size={share_of_one_gpu(preset)}", f"tracking.log_every={steps}",
        f"validation.every={steps}", "validation.clips=2", "validation.samples=1",
        "checkpoint.every=0", *words,
    )  # fmt: skip


def last_speed(run_dir: Path) -> dict[str, Any]:
    """Return clips a second, MFU, the wait for data and the peak of memory of the last log line."""
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if "speed/clips_per_s" in line][-1]
    return {
        "clips_per_s": last["speed/clips_per_s"],
        "mfu": last.get("speed/mfu"),
        "data_wait_share": last["speed/data_wait_share"],
        "peak_gib": last["memory/cuda_peak_gib"],
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_at_its_own_sizes_past_its_validations(
    preset: str, shards: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    run_dir = tmp_path / "run"
    torch.cuda.reset_peak_memory_stats()
    train_here(full_size_run(preset, shards, run_dir, "runtime.device=cuda"))
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    losses = [v for line in lines for k, v in line.items() if k.startswith("train/")]
    assert losses
    assert all(map(math.isfinite, losses))
    speed = last_speed(run_dir)
    assert speed["peak_gib"] > 0, "the GPU was used"
    record_property("full_size", {"preset": preset, **speed})
