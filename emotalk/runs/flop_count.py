"""Count the floating-point operations of a run's steps on tensors without content.

    python -m emotalk.runs.flop_count RUN/config.yaml

prints them as JSON: stage -> operations for one clip in one step.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import flop_registry

from emotalk.config.load import load_written
from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.models.generator import PRECEDING_FRAMES
from emotalk.runs.memory_estimate import FakeEngine, blank_inputs, without_weights
from emotalk.runs.networks import build_modules
from emotalk.runs.peak_memory import WatchedOperations
from emotalk.training.global_mean import GlobalMean
from emotalk.training.networks import Networks, build_features
from emotalk.training.steps import discriminator_step, generator_step

LOWEST_PRIORITY = 19
SHORT = PRECEDING_FRAMES  # shorter clips have fewer frames computed before them


class FlopCount(WatchedOperations):  # type: ignore[no-untyped-call]
    """Counts the operations of matrix products and convolutions, forward and backward.

    A multiplication and an addition are two. The formulas are those of `torch.utils.flop_counter`.

    Attributes:
        flops: number of operations so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops: int = 0

    def count(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """Count one operation."""
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += int(formula(*args, **kwargs, out_val=result))


def count_flops(config: TrainConfig) -> dict[str, float]:
    """Return stage -> floating-point operations for one clip of the batch in one step.

    Every update of the stage counts, by the share of steps that make it. From `SHORT` frames on,
    each further frame of a clip costs the same, and so does each frame that the perceptual loss
    compares, so short clips tell the cost of long ones.
    """
    frames = config.data.frames
    compared = config.losses.perceptual.frames_of(frames)
    if frames <= SHORT:
        return _count(config, frames, compared)
    short, longer = _count(config, SHORT, 1), _count(config, SHORT + 1, 1)
    more = _count(config, SHORT, 2) if compared > 1 else short
    return {
        stage: flops
        + (longer[stage] - flops) * (frames - SHORT)
        + (more[stage] - flops) * (compared - 1)
        for stage, flops in short.items()
    }


def _count(config: TrainConfig, frames: int, compared: int) -> dict[str, float]:
    """Return the operations of each stage for one clip of this many frames.

    `compared` of its frames are compared by the perceptual loss.
    """
    data = config.data.model_copy(update={"batch_size": 1, "frames": frames})
    perceptual = config.losses.perceptual.model_copy(update={"frames": compared / frames})
    losses = config.losses.model_copy(update={"perceptual": perceptual})
    runtime = config.runtime.model_copy(update={"processes": 1, "accumulate": 1})
    small = config.model_copy(update={"data": data, "losses": losses, "runtime": runtime})
    # oneDNN computes an LSTM in one operation, which has no formula.
    with torch.backends.mkldnn.flags(enabled=False), FakeTensorMode():
        generator, critics = build_modules(small)
        networks = Networks(
            generator=FakeEngine("generator", generator),
            discriminators=None if critics is None else FakeEngine("discriminators", critics),
            features=build_features(without_weights(small)),
        )
        inputs = partial(blank_inputs, small, generator.noise_features)

        def cost(update: UpdateConfig) -> float:
            with FlopCount() as counted:
                step = generator_step if update.network == "generator" else discriminator_step
                step([inputs()], networks, update, GlobalMean(1, 1), update.lr)
            flops: int = counted.flops
            return flops / update.every

        return {stage.name: sum(map(cost, stage.updates)) for stage in config.stages}


if __name__ == "__main__":
    os.nice(LOWEST_PRIORITY)
    flops = count_flops(load_written(TrainConfig, Path(sys.argv[1])))
    sys.stdout.write(json.dumps(flops) + "\n")
