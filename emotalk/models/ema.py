"""The generator's running average: what is evaluated and handed out."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """An exponential moving average of a network's parameters.

    Args:
        module: the network that is averaged.
        decay: share of the old average that stays, a step; 0 keeps a plain copy.
        warmup: let the decay grow as min(decay, (1 + n) / (10 + n)), so that short runs are not
            averages of their first steps (Tensorflow's `ExponentialMovingAverage`).
    """

    def __init__(self, module: nn.Module, *, decay: float, warmup: bool) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)
        self.decay, self.warmup, self.updates = decay, warmup, 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take one step towards `module`'s present parameters."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else None
        decay = self.decay if decay is None else decay
        self.updates += 1
        mine: list[Tensor] = list(self.module.parameters())
        torch._foreach_lerp_(mine, list(module.parameters()), 1 - decay)
