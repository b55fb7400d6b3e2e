"""One engine in one process: what it refuses, it leaves untouched."""

from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch import Tensor, nn

from emotalk.distributed import AdamByParts, Engine, NonFiniteGradientError


@pytest.fixture
def engine() -> Iterator[Engine]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    adam = AdamByParts(module, {"all": [module]})
    yield Engine(module, adam, Accelerator(cpu=True), name="generator", clip_grad_norm=0.5)
    AcceleratorState._reset_state()
    PartialState._reset_state()


def learn(engine: Engine, loss: Tensor) -> float:
    engine.backward(loss, last=True)
    return engine.step(lr=0.1)


def everything(engine: Engine) -> dict[str, Tensor]:
    optimizer = engine.read_optimizer()
    steps = {f"steps.{name}": torch.tensor(count) for name, count in optimizer.steps.items()}
    return {**engine.read_weights(), **optimizer.moments, **steps}


def test_a_gradient_that_is_not_finite_is_named_and_changes_nothing(engine: Engine) -> None:
    x = torch.randn(5, 3)
    learn(engine, engine(x).square().mean())
    before = everything(engine)
    assert before, "one step was made"
    # finite, but the root's slope at zero is infinite: only the last layer's bias has it
    bias = engine.module.get_parameter("1.bias")
    loss = engine(x).mean() + (bias - bias.detach()).abs().sum().sqrt()
    assert loss.isfinite()
    with pytest.raises(NonFiniteGradientError, match="gradient norm of the generator") as caught:
        learn(engine, loss)
    assert caught.value.parameters == ("1.bias",)
    after = everything(engine)
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_after_a_refused_step_the_next_one_is_as_if_it_had_not_been(engine: Engine) -> None:
    x = torch.randn(5, 3)
    with pytest.raises(NonFiniteGradientError):
        learn(engine, engine(x).mean() * torch.nan)
    norm = learn(engine, engine(x).square().mean())
    torch.manual_seed(0)
    twin = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    adam = torch.optim.Adam(twin.parameters(), lr=0.1, betas=(0.9, 0.999))
    torch.autograd.backward(twin(x).square().mean())
    expected = float(nn.utils.clip_grad_norm_(twin.parameters(), 0.5))
    adam.step()
    assert norm == pytest.approx(expected)
    for name, value in twin.state_dict().items():
        assert torch.allclose(engine.module.state_dict()[name], value, atol=1e-6)


def test_copies_share_nothing_with_the_network(engine: Engine) -> None:
    copies = engine.read_weights()
    with torch.no_grad():
        for parameter in engine.module.parameters():
            parameter.zero_()
    assert all(value.abs().sum() > 0 for value in copies.values())
    assert engine.read_weights(keep=False) == {}
