"""Measure how long the steps of a run take on this machine, before there is a shard."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.runs.memory_estimate import FakeEngine, blank_inputs, without_weights
from emotalk.runs.networks import build_modules
from emotalk.training.global_mean import GlobalMean
from emotalk.training.networks import Networks, autocast_context, build_features
from emotalk.training.steps import discriminator_step, generator_step

QUICK_S = 2.0  # a first run below it is repeated: it has paid for what is done once
FEW_FRAMES = 4  # of one clip: a step takes as long for each frame


@dataclass(frozen=True)
class StepTimes:
    """Seconds of a run's work on this machine."""

    stages: dict[str, float]  # name -> seconds of a step, averaged over those with fewer updates
    frame_s: float  # of generating one frame

    def training_s(self, config: TrainConfig, clips_per_epoch: int) -> float:
        """Return the seconds of all stages."""
        return sum(
            self.stages[stage.name] * stage.steps(clips_per_epoch, config.data.batch_size)
            for stage in config.stages
        )


def measure_steps(config: TrainConfig) -> StepTimes:
    """Return the times of each update on inputs without content, in this process.

    The device is the run's. An update of one clip and `FEW_FRAMES` is timed and scaled to the
    batch: so the answer comes in seconds on a CPU, and is a few times too high on a GPU, which does
    more at a time. Adam, reading and augmentation are left out. VGG-19 is an untrained one, which
    is as slow.
    """
    device = _device(config)
    small, share = _smaller(config)
    with torch.random.fork_rng(devices=[]):
        generator, critics = build_modules(config)
        features = build_features(without_weights(config))
    networks = Networks(
        generator=FakeEngine("generator", generator.to(device)),
        discriminators=None
        if critics is None
        else FakeEngine("discriminators", critics.to(device)),
        features=None if features is None else features.to(device),
        autocast=autocast_context(config, device),
    )
    with device if device.type == "cuda" else nullcontext():
        inputs = blank_inputs(small, generator.noise_features)
        mean = GlobalMean(len(inputs.keys), 1)

        def update_s(update: UpdateConfig) -> float:
            step = generator_step if update.network == "generator" else discriminator_step
            seconds = _seconds(lambda: step([inputs], networks, update, mean, update.lr), device)
            return seconds * config.runtime.accumulate / (update.every * share)

        stages = {
            stage.name: sum(update_s(update) for update in stage.updates) for stage in config.stages
        }
        with torch.no_grad():
            made_s = _seconds(lambda: networks.generate(inputs, networks.generator), device)
    return StepTimes(stages, made_s / small.data.frames)


def _smaller(config: TrainConfig) -> tuple[TrainConfig, float]:
    """Return the configuration with one clip of few frames, and their share of a micro-batch."""
    frames = min(config.data.frames, FEW_FRAMES)
    data = config.data.model_copy(update={"batch_size": 1, "frames": frames})
    runtime = config.runtime.model_copy(update={"processes": 1, "accumulate": 1})
    small = config.model_copy(update={"data": data, "runtime": runtime})
    return small, frames / (config.clips_a_micro_batch * config.data.frames)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    def once() -> float:
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begin

    first = once()
    return first if first > QUICK_S else once()


def _device(config: TrainConfig) -> torch.device:
    on_gpu = config.runtime.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")
