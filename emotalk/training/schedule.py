"""Compute a step's stage, its updates and their learning rates."""

import math
from dataclasses import dataclass

from emotalk.config.stages import StageConfig, UpdateConfig

FINAL_SHARE = 0.1  # of the learning rate, where a decaying stage ends


@dataclass(frozen=True)
class DueUpdate:
    """Hold an update that a step has to make, and its learning rate."""

    update: UpdateConfig
    lr: float


@dataclass(frozen=True)
class StepPlan:
    """Hold the updates of one step of the run."""

    stage: str
    updates: tuple[DueUpdate, ...]


class Schedule:
    """Plan the stages of a run, one after the other.

    Args:
        stages: of the configuration.
        clips_per_epoch: of the training split; the unit of stages given in `epochs`.
        batch_size: clips a step over all processes.
    """

    def __init__(
        self, stages: tuple[StageConfig, ...], *, clips_per_epoch: int, batch_size: int
    ) -> None:
        self._lengths = [(stage, stage.steps(clips_per_epoch, batch_size)) for stage in stages]
        self.steps = sum(length for _, length in self._lengths)

    def plan(self, step: int) -> StepPlan:
        """Return the plan of step `step`, counted from 0 over the whole run."""
        first = 0
        for stage, length in self._lengths:
            iteration = step - first
            if iteration < length:
                share = _lr_share(stage, iteration, length)
                due = tuple(
                    DueUpdate(update, update.lr * share)
                    for update in stage.updates
                    if update.is_due(iteration)
                )
                return StepPlan(stage.name, due)
            first += length
        raise ValueError(f"step {step} is outside the run's {self.steps} steps")


def _lr_share(stage: StageConfig, iteration: int, length: int) -> float:
    """Return the factor of an update's learning rate in this iteration of its stage."""
    if iteration < stage.lr_warmup:
        return (iteration + 1) / stage.lr_warmup
    done = (iteration - stage.lr_warmup) / max(length - stage.lr_warmup, 1)
    if stage.lr_decay == "cosine":
        return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * done))
    return 1.0 - (1 - FINAL_SHARE) * done if stage.lr_decay == "linear" else 1.0
