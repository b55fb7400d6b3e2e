"""Updates that are checked together are the plain ones, or change nothing at all."""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch import Tensor, nn

from emotalk.distributed import AdamByParts, Engine, NonFiniteGradientError, UpdateGuard

CLIP = 0.5


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    torch.manual_seed(0)
    yield [made(name) for name in ("first", "second", "third")]
    AcceleratorState._reset_state()
    PartialState._reset_state()


def made(name: str) -> Engine:
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    adam = AdamByParts(module, {"low": [module[0]], "high": [module[1]]})
    return Engine(module, adam, Accelerator(cpu=True), name=name, clip_grad_norm=CLIP)


def step(engine: Engine, factor: float, guard: UpdateGuard | None) -> float:
    x = torch.ones(5, 3)
    engine.backward(engine(x).square().mean() * factor, last=True)
    return engine.step(lr=0.1, guard=guard)


def everything(engine: Engine) -> dict[str, Tensor]:
    optimizer = engine.read_optimizer()
    steps = {f"steps.{name}": torch.tensor(count) for name, count in optimizer.steps.items()}
    return copy.deepcopy({**engine.read_weights(), **optimizer.moments, **steps})


def assert_same(engine: Engine, expected: dict[str, Tensor]) -> None:
    now = everything(engine)
    assert now.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(now[name], value), name


@contextmanager
def counted_reads() -> Iterator[list[str]]:
    found: list[str] = []
    plain = Tensor.tolist

    def noted(tensor: Tensor) -> object:
        found.append("tolist")
        return plain(tensor)

    with mock.patch.object(Tensor, "tolist", noted):
        yield found


def test_deferred_updates_are_bit_for_bit_those_made_alone(engines: list[Engine]) -> None:
    twins = copy.deepcopy([engine.module for engine in engines])
    with counted_reads() as reads:
        for _ in range(3):
            guard = UpdateGuard(deferred=2)
            norms = [step(engine, 1.0 + n, guard) for n, engine in enumerate(engines)]
            assert [math.isnan(norm) for norm in norms] == [True, True, False]
            assert guard.totals[2] == norms[2]
    assert len(reads) == 3, "one a step"
    for n, (engine, twin) in enumerate(zip(engines, twins, strict=True)):
        adam = torch.optim.Adam(twin.parameters(), lr=0.1)
        for _ in range(3):
            adam.zero_grad()
            torch.autograd.backward(twin(torch.ones(5, 3)).square().mean() * (1.0 + n))
            norm = float(nn.utils.clip_grad_norm_(twin.parameters(), CLIP))
            adam.step()
        assert guard.totals[n] == norm
        for parameter, expected in zip(engine.module.parameters(), twin.parameters(), strict=True):
            assert torch.equal(parameter, expected)


@pytest.mark.parametrize("before", [0, 2], ids=["first updates", "later updates"])
@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_refused_update_and_those_after_it_change_nothing(
    engines: list[Engine], bad: int, before: int, factor: float
) -> None:
    for engine in engines:
        for _ in range(before):
            step(engine, 1.0, None)
    states = [everything(engine) for engine in engines]
    guard = UpdateGuard(deferred=2)

    def make_updates() -> None:
        for n, engine in enumerate(engines):
            step(engine, factor if n == bad else 1.0, guard)

    with pytest.raises(NonFiniteGradientError) as caught:
        make_updates()
    error = caught.value
    assert (error.engine, error.place) == (engines[bad].name, bad)
    assert set(error.parameters) == set(dict(engines[bad].module.named_parameters()))
    for n, (engine, state) in enumerate(zip(engines, states, strict=True)):
        if n < bad:
            assert any(not torch.equal(everything(engine)[k], v) for k, v in state.items())
        else:
            assert_same(engine, state)
        assert all(parameter.grad is None for parameter in engine.module.parameters())


def test_parts_that_do_not_learn_are_left_alone(engines: list[Engine]) -> None:
    first, second, _ = engines
    step(first, 1.0, None)
    before = everything(first)
    guard = UpdateGuard(deferred=1)
    with first.learning({"high"}):
        step(first, 1.0, guard)
    step(second, 1.0, guard)
    now = everything(first)
    changed = {name for name, value in before.items() if not torch.equal(now[name], value)}
    assert changed
    assert all("1." in name for name in changed), "the parameters of the second layer"


def test_a_guard_that_defers_nothing_refuses_each_update_before_it(engines: list[Engine]) -> None:
    guard = UpdateGuard()
    assert step(engines[0], 1.0, guard) > 0
    states = [everything(engine) for engine in engines]
    with pytest.raises(NonFiniteGradientError) as caught:
        step(engines[1], math.nan, guard)
    assert (caught.value.engine, caught.value.place) == ("second", 1)
    for engine, state in zip(engines, states, strict=True):
        assert_same(engine, state)


def test_no_value_that_is_not_finite_is_left_between_a_refused_update_and_the_check(
    engines: list[Engine],
) -> None:
    guard = UpdateGuard(deferred=1)
    step(engines[0], math.nan, guard)
    adam = engines[0]._adam
    held: Sequence[Tensor] = [
        *engines[0].module.parameters(),
        *(state[name] for state in adam.state.values() for name in ("exp_avg", "exp_avg_sq")),
    ]
    assert len(held) == 12
    assert all(tensor.isfinite().all() for tensor in held)
