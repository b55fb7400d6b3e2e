"""The peak is that of the storages in use, each counted once."""

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from emotalk.runs.peak_memory import PeakMemory


def test_each_storage_is_counted_once_while_it_is_in_use_and_the_networks_own_not() -> None:
    linear = nn.Linear(8, 8, bias=False)
    x = torch.zeros(4, 8)
    with PeakMemory([linear.weight, x]) as memory:
        linear(x).square().sum()  # the product and its square together, then the sum
    assert memory.peak == 2 * 4 * 8 * 4 + 4
    with PeakMemory([x]) as memory:
        for _ in range(3):
            (x * 2).view(8, 4).t()
    assert memory.peak == 4 * 8 * 4


def test_a_mask_of_unknown_values_selects_nothing() -> None:
    with FakeTensorMode(), PeakMemory([]):
        labels = torch.zeros(4, dtype=torch.long)
        assert labels[labels < 0].numel() == 0
        assert labels[torch.zeros(2, dtype=torch.long)].numel() == 2
