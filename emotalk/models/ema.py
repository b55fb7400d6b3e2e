"""Define the exponential moving average of a network's parameters."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """Keep an exponential moving average of a network's parameters.

    Args:
        module: the network that is averaged.
        decay: weight of the old average in each update; 0 keeps a plain copy.
        warmup: let the decay grow as min(decay, (1 + n) / (10 + n)), so that the first steps do not
            dominate short runs (Tensorflow's `ExponentialMovingAverage`).
    """

    def __init__(self, module: nn.Module, *, decay: float, warmup: bool) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)
        for part in self.module.modules():
            if isinstance(part, nn.RNNBase):
                # Copied one by one, the weights lie apart in memory; cuDNN takes them in one block.
                part.flatten_parameters()
        self.decay, self.warmup, self.updates = decay, warmup, 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Average `module`'s current parameters in."""
        decay = self.decay
        if self.warmup:
            decay = min(decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        mine: list[Tensor] = list(self.module.parameters())
        torch._foreach_lerp_(mine, list(module.parameters()), 1 - decay)
