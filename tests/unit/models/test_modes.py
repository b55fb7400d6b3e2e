"""A network's modes are restored after the block, for each part and after errors, too."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from torch import nn

from emotalk.models.modes import evaluation_mode, gradients, training_mode


def network() -> nn.Sequential:
    """Return a network in training mode, of which one part evaluates and one part is frozen."""
    frozen = nn.Linear(2, 2).requires_grad_(False)
    return nn.Sequential(frozen, nn.Sequential(nn.Dropout().eval(), nn.Linear(2, 1)))


def modes(module: nn.Module) -> list[bool]:
    return [part.training for part in module.modules()]


@pytest.mark.parametrize("context", [evaluation_mode, training_mode])
def test_every_part_gets_its_own_mode_back(
    context: Callable[[nn.Module], AbstractContextManager[None]],
) -> None:
    module = network()
    before = modes(module)
    assert before == [True, True, True, False, True]
    with context(module):
        assert modes(module) == [context is training_mode] * 5
    assert modes(module) == before
    with pytest.raises(ZeroDivisionError), context(module):
        raise ZeroDivisionError
    assert modes(module) == before


@pytest.mark.parametrize("wanted", [True, False])
def test_every_parameter_gets_its_own_flag_back(wanted: bool) -> None:
    module = network()
    with gradients(module, wanted=wanted):
        assert {p.requires_grad for p in module.parameters()} == {wanted}
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True]
