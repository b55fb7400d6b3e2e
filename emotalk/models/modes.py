"""Changes of a network's mode that end with the block that asked for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Run the block with `module` in evaluation mode; restore the mode of each of its parts."""
    with _mode(module, training=False):
        yield


@contextmanager
def training_mode(module: nn.Module) -> Iterator[None]:
    """Run the block with `module` in training mode; restore the mode of each of its parts."""
    with _mode(module, training=True):
        yield


@contextmanager
def gradients(module: nn.Module, *, wanted: bool) -> Iterator[None]:
    """Run the block with every parameter's `requires_grad` as `wanted`; restore each of them."""
    before = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    module.requires_grad_(wanted)
    try:
        yield
    finally:
        for parameter, flag in before:
            parameter.requires_grad_(flag)


@contextmanager
def _mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    before = [(part, part.training) for part in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for part, flag in before:
            part.training = flag
