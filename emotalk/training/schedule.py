"""Which stage a step belongs to, which updates it makes, at which learning rate."""

import math
from dataclasses import dataclass

from emotalk.config.stages import StageConfig, UpdateConfig

FINAL_SHARE = 0.1  # of the learning rate, where a decaying stage ends


@dataclass(frozen=True)
class DueUpdate:
    """An update a step has to make, and its learning rate."""

    update: UpdateConfig
    lr: float


@dataclass(frozen=True)
class StepPlan:
    """What one step of the run does."""

    stage: str
    updates: tuple[DueUpdate, ...]


class Schedule:
    """The stages of a run laid end to end."""

    def __init__(self, stages: tuple[StageConfig, ...]) -> None:
        """Keep the stages in their order."""
        self._stages = stages
        self.steps = sum(stage.iterations for stage in stages)

    def plan(self, step: int) -> StepPlan:
        """Return what step `step` does, counted from 0 over the whole run."""
        first = 0
        for stage in self._stages:
            iteration = step - first
            if iteration < stage.iterations:
                due = tuple(
                    DueUpdate(update, update.lr * _decay(stage, iteration))
                    for update in stage.updates
                    if update.is_due(iteration)
                )
                return StepPlan(stage.name, due)
            first += stage.iterations
        raise ValueError(f"step {step} is outside the run's {self.steps} steps")


def _decay(stage: StageConfig, iteration: int) -> float:
    if stage.lr_decay == "none":
        return 1.0
    done = iteration / stage.iterations
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * done))
