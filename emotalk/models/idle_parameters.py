"""Give the parameters that a forward pass left out gradients of zero."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def idle_zero(modules: Iterable[nn.Module]) -> Tensor | None:
    """Return a zero that depends on all parameters that learn, or None if none does.

    Engines of several processes wait for the gradient of every parameter. ZeRO-3 does not: between
    calls it holds a part's parameters as empty tensors, which are left out.
    """
    learning = [
        p for module in modules for p in module.parameters() if p.requires_grad and p.numel()
    ]
    if not learning:
        return None
    return torch.stack([p.sum() for p in learning]).sum() * 0.0
