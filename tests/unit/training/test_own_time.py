"""The slowest process is found, though all wait for it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import ClassVar
from unittest import mock

import pytest
import torch
from torch import Tensor

from emotalk.distributed import Runtime
from emotalk.training import own_time
from emotalk.training.own_time import OwnTime, slowest_rank


def test_the_time_between_beginning_and_exchange_is_summed_up() -> None:
    times = iter([10.0, 10.5, 20.0, 20.25])
    with mock.patch.object(own_time, "time", SimpleNamespace(monotonic=lambda: next(times))):
        own = OwnTime(torch.device("cpu"))
        own.end()  # of an update that nobody began
        for _ in range(2):
            own.begin()
            own.end()
    assert own.read() == pytest.approx(0.75)
    assert own.read() == 0.0


class FakeEvent:
    """Stands for a CUDA event; the device's clock is a list of milliseconds."""

    clock: ClassVar[list[float]] = []

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.at = FakeEvent.clock.pop(0)

    def synchronize(self) -> None:
        self.done = True

    def elapsed_time(self, other: "FakeEvent") -> float:
        assert other.done
        return other.at - self.at


def test_on_a_gpu_it_is_the_devices_time() -> None:
    FakeEvent.clock = [1000.0, 1250.0]
    with mock.patch.object(torch.cuda, "Event", FakeEvent):
        own = OwnTime(torch.device("cuda"))
        own.begin()
        own.end()
        assert own.read() == pytest.approx(0.25)


def runtime(rank: int, others: Callable[[Tensor], Tensor]) -> Runtime:
    fake: Runtime = mock.create_autospec(Runtime, instance=True)
    assert isinstance(fake, mock.NonCallableMock)
    fake.rank, fake.world_size, fake.device = rank, 3, torch.device("cpu")
    fake.sum.side_effect = others
    return fake


def test_computing_and_waiting_for_data_both_make_a_process_slow() -> None:
    def others(mine_R2: Tensor) -> Tensor:
        assert mine_R2[0].tolist() == [4.0, 1.0]
        return mine_R2 + torch.tensor([[0, 0], [1.0, 8.0], [6.0, 0.0]])

    figures = slowest_rank(runtime(0, others), own_s=4.0, waited_s=1.0, seconds=20.0, steps=10)
    assert figures["speed/slowest_rank"] == 1
    assert figures["speed/slowest_rank_step_s"] == pytest.approx(0.9)
    assert figures["speed/slowest_rank_data_wait_share"] == pytest.approx(0.4)


def test_one_process_alone_is_not_compared() -> None:
    alone = mock.create_autospec(Runtime, instance=True)
    alone.world_size = 1
    assert slowest_rank(alone, own_s=1.0, waited_s=0.0, seconds=2.0, steps=1) == {}
