"""Read and write whole weights and optimiser states, by name, under DDP and every ZeRO stage."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from emotalk.distributed.adam import MOMENTS, OptimizerState
from emotalk.distributed.zero_state import read_zero, set_master_weight, write_zero, zero_of


def full_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of every tensor of the network, unpartitioned."""
    parts = {name: getattr(p, "ds_shape", p.shape) for name, p in module.named_parameters()}
    return {
        name: tuple(parts.get(name, value.shape)) for name, value in module.state_dict().items()
    }


def read_weights(module: nn.Module, *, keep: bool = True) -> dict[str, Tensor]:
    """Return the whole `state_dict` as copies on its device. Every process must call it.

    Args:
        module: the network, bare.
        keep: False returns nothing: this process only takes part in gathering.
    """
    with _gathered(module, writer=None):
        return {name: copied(value) for name, value in module.state_dict().items()} if keep else {}


def copied(value: Tensor) -> Tensor:
    """Return a contiguous copy."""
    return value.detach().clone(memory_format=torch.contiguous_format)


def write_weights(
    module: nn.Module, optimizer: Any, state: Mapping[str, Tensor], *, is_deepspeed: bool
) -> None:
    """Load a whole `state_dict` into the network. Every process must call it with the same."""
    if not is_deepspeed:
        module.load_state_dict(state)
        return
    with _gathered(module, writer=0), torch.no_grad():
        for name, value in module.state_dict(keep_vars=True).items():
            value.copy_(state[name])
    for name, parameter in module.named_parameters():  # ZeRO keeps a master copy of its own
        set_master_weight(parameter, state[name])


def _gathered(module: nn.Module, writer: int | None) -> AbstractContextManager[None]:
    """Return the context in which ZeRO-3's parameters are gathered; it is empty without ZeRO-3."""
    parameters = [p for p in module.parameters() if hasattr(p, "ds_id")]
    if not parameters:
        return nullcontext()
    from deepspeed import zero  # noqa: PLC0415  2 s to import

    context: AbstractContextManager[None] = zero.GatheredParameters(
        parameters, modifier_rank=writer
    )
    return context


def read_optimizer(module: nn.Module, optimizer: Any, *, keep: bool = True) -> OptimizerState:
    """Return the whole optimiser state, gathered. Every process must call it.

    Args:
        module: the network, bare.
        optimizer: as `accelerator.prepare` returned it.
        keep: False leaves the moments out on this process.
    """
    zero = zero_of(optimizer)
    if zero is not None:
        return read_zero(module, zero, keep=keep)
    return _read_plain(module, optimizer, keep=keep)


def write_optimizer(module: nn.Module, optimizer: Any, state: OptimizerState) -> None:
    """Load `state` into the optimiser. Every process must call it."""
    known = {f"{moment}.{name}" for name, _ in module.named_parameters() for moment in MOMENTS}
    unknown = sorted(set(state.moments) - known)
    if unknown:
        raise ValueError(f"optimiser state of unknown parameters: {', '.join(unknown[:5])}")
    zero = zero_of(optimizer)
    if zero is None:
        _write_plain(module, optimizer, state)
    else:
        write_zero(module, zero, state)


def _read_plain(module: nn.Module, optimizer: Any, *, keep: bool) -> OptimizerState:
    moments: dict[str, Tensor] = {}
    steps: dict[str, int] = {}
    for name, parameter in module.named_parameters():
        held = optimizer.state.get(parameter)
        if not held:
            continue
        steps[name] = int(held["step"])
        if keep:
            moments |= {f"{moment}.{name}": copied(held[moment]) for moment in MOMENTS}
    return OptimizerState(moments, steps)


def _write_plain(module: nn.Module, optimizer: Any, state: OptimizerState) -> None:
    for name, parameter in module.named_parameters():
        if name not in state.steps:
            continue
        optimizer.state[parameter] = {
            # torch's Adam keeps its count as a float tensor on the CPU.
            "step": torch.tensor(float(state.steps[name])),
            **{m: state.moments[f"{m}.{name}"].to(parameter, copy=True) for m in MOMENTS},
        }
