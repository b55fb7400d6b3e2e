"""The running average follows its definition."""

import pytest
import torch
from torch import nn

from emotalk.models.ema import Ema


def _linear(value: float) -> nn.Linear:
    linear = nn.Linear(2, 1, bias=False)
    nn.init.constant_(linear.weight, value)
    return linear


def test_the_average_moves_by_one_minus_decay() -> None:
    ema = Ema(_linear(0.0), decay=0.9, warmup=False)
    ema.update(_linear(1.0))
    ema.update(_linear(1.0))
    assert torch.allclose(next(ema.module.parameters()), torch.tensor(1 - 0.9**2))


def test_warm_up_starts_with_a_small_decay() -> None:
    ema = Ema(_linear(0.0), decay=0.999, warmup=True)
    ema.update(_linear(1.0))
    assert float(next(ema.module.parameters()).detach()[0, 0]) == pytest.approx(0.9)


def test_the_average_is_a_copy_without_gradients() -> None:
    network = _linear(0.0)
    ema = Ema(network, decay=0.5, warmup=False)
    nn.init.constant_(network.weight, 5.0)
    average = next(ema.module.parameters())
    assert not average.requires_grad
    assert float(average[0, 0]) == 0
