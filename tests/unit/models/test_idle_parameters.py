"""Parts that a forward pass left out still get gradients."""

import torch
from torch import nn

from emotalk.models.idle_parameters import idle_zero


def test_every_learning_parameter_gets_a_gradient_of_zero() -> None:
    parts = [nn.Linear(3, 2), nn.Conv2d(1, 2, 3)]
    parts[1].requires_grad_(False)
    zero = idle_zero(parts)
    assert zero is not None
    torch.autograd.backward(zero)
    assert zero.item() == 0
    for parameter in parts[0].parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()
    assert all(parameter.grad is None for parameter in parts[1].parameters())


def test_the_empty_placeholders_of_zero_3_are_left_out() -> None:
    placeholder = nn.Linear(3, 2)
    placeholder.weight = nn.Parameter(torch.empty(0))
    zero = idle_zero([placeholder])
    assert zero is not None
    torch.autograd.backward(zero)
    assert placeholder.weight.grad is None
    assert placeholder.bias.grad is not None
    placeholder.bias = nn.Parameter(torch.empty(0))
    assert idle_zero([placeholder]) is None
