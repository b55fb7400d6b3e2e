"""Make every preset of configs/train small enough to run in seconds, otherwise as it stands."""

import math
import shutil
from pathlib import Path

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.training.trainer import Trainer
from tests.helpers.tiny_training import ROOT, read_metrics
from tests.helpers.train_here import trainer_here

OTHER_DATA = {"crema_d_mead"}  # trains as the preset it extends, over other shard sets
PRESETS = sorted({path.stem for path in (ROOT / "configs/train").glob("*.yaml")} - OTHER_DATA)
# What every preset keeps out of the machine it runs on: files, processes, servers.
HERE = (
    "runtime.processes=1",
    "data.workers=0",
    "tracking.mlflow.enabled=false",
    "losses.perceptual.network=random",
    "sizes_from_start=false",  # one_person.yaml begins with a model, which no preset has here
)
SMALL = (
    "runtime.threads=1",
    "model.width=0.02",
    "losses.perceptual.width=0.02",
    "data.frames=3",
    "data.batch_size=2",
    "data.cache_mib=0",
    "tracking.log_every=1",
    "validation.clips=2",
    "validation.max_frames=6",
    "validation.samples=1",
)


def full_preset(name: str, *words: str) -> TrainConfig:
    """Return a preset at its own sizes, fit for one process without files of others."""
    path = ROOT / f"configs/train/{name}.yaml"
    return load_config(TrainConfig, path, ["shards=x", "run_dir=x", *HERE, *words])


def small_preset(name: str, shards: Path, run_dir: Path, *words: str) -> TrainConfig:
    """Return a preset at tiny sizes: stages of two rounds of their updates.

    After each round there is a validation and a checkpoint, so that every stage is validated and
    its updates are made again after it.
    """
    stages = full_preset(name).stages
    every = math.lcm(*(update.every for stage in stages for update in stage.updates))
    lengths = [word for number in range(len(stages)) for word in (
        f"stages.{number}.iterations={2 * every}", f"stages.{number}.epochs=null")]  # fmt: skip
    due = (f"validation.every={every}", f"checkpoint.every={every}")
    paths = (f"shards={shards}", f"run_dir={run_dir}")
    return full_preset(name, *SMALL, *lengths, *due, *paths, *words)


def train_past_a_resume(config: TrainConfig) -> Trainer:
    """Train to the end with a validation after each round, then again from the checkpoint before.

    Returns:
        The trainer of the first way, at its end.
    """
    with trainer_here(config) as trainer:
        assert trainer.run() == "done"
        trainer.finish("done")
        generator = trainer._components.networks.generator.module
        assert all(part.training for part in generator.modules())
    lines = read_metrics(config.run_dir)
    validated = [line["step"] for line in lines if "validation/psnr" in line]
    assert len(validated) >= len(config.stages)
    learnt = [line["step"] for line in lines if "train/generator/mouth_region" in line]
    assert any(step > min(validated) for step in learnt), "a generator's update after a validation"
    steps = trainer.state.step
    shutil.rmtree(config.run_dir / "checkpoints" / f"step-{steps:06d}")
    with trainer_here(config) as again:
        assert 0 < again.state.step < steps
        assert again.run() == "done"
    return trainer
