"""Build engines without processes, and note a network's calls, for tests of the objective."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor

from emotalk.training.networks import Discriminators, Networks


class Bare:
    """Stand for an engine as the objectives use it: the bare network."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def __call__(self, *args: Any) -> Any:
        return self.module(*args)


def critics_of(networks: Networks) -> Discriminators:
    assert networks.discriminators is not None
    return cast(Discriminators, networks.discriminators.module)


@contextmanager
def called(module: torch.nn.Module) -> Iterator[list[tuple[Tensor, ...]]]:
    """Note the arguments of every call of a network."""
    calls: list[tuple[Tensor, ...]] = []
    hook = module.register_forward_pre_hook(lambda _, args: calls.append(args))
    yield calls
    hook.remove()
