"""Change a network's mode within a block, and restore it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from torch import nn


def evaluation_mode(module: nn.Module) -> AbstractContextManager[None]:
    """Return a context with `module` in evaluation mode, which restores the mode of each part."""
    return _mode(module, training=False)


def training_mode(module: nn.Module) -> AbstractContextManager[None]:
    """Return a context with `module` in training mode, which restores the mode of each part."""
    return _mode(module, training=True)


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
