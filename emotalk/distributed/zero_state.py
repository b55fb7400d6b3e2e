"""Adam's state under ZeRO, where each process holds a flat piece of every part of the network."""

from typing import Any

import torch
from torch import Tensor, nn

from emotalk.distributed.adam import MOMENTS, AdamByParts, OptimizerState


def zero_of(optimizer: Any) -> Any | None:
    """Return DeepSpeed's ZeRO optimiser inside `optimizer`, or None where Adam holds it all."""
    inner = getattr(optimizer, "optimizer", optimizer)
    return None if isinstance(inner, AdamByParts) else inner


def begin_zero(zero: Any) -> None:
    """Give every piece its zero moments now, not at its first step.

    DeepSpeed ties moments to parameters once, after the first step of all: a part that was at rest
    then could be neither saved nor loaded ever after.
    """
    for _, flat in _pieces(zero):
        moments = {moment: torch.zeros_like(flat) for moment in MOMENTS}
        zero.optimizer.state[flat] = {"step": torch.tensor(0.0), **moments}
    if hasattr(zero, "_lazy_init_hp_params_optimizer_state"):  # stages 1 and 2
        zero._lazy_init_hp_params_optimizer_state()


def read_zero(module: nn.Module, zero: Any, *, keep: bool = True) -> OptimizerState:
    """Return Adam's whole state, gathered. Every process must call it.

    Args:
        module: the network, bare.
        zero: DeepSpeed's optimiser.
        keep: False: without the moments.
    """
    from deepspeed.utils import safe_get_full_optimizer_state  # noqa: PLC0415  2 s to import

    moments: dict[str, Tensor] = {}
    steps = {
        name: int(zero.optimizer.state[flat]["step"])
        for group, flat in _pieces(zero)
        for name in group["names"]
        if zero.optimizer.state[flat]["step"] > 0
    }
    for name, parameter in module.named_parameters():
        if name in steps:
            for moment in MOMENTS:
                value = safe_get_full_optimizer_state(parameter, moment)
                if keep:
                    moments[f"{moment}.{name}"] = value.detach().clone()
    return OptimizerState(moments, steps)


def write_zero(module: nn.Module, zero: Any, state: OptimizerState) -> None:
    """Put `state` back, on any number of processes. Every process must call it."""
    from deepspeed.utils import safe_set_full_optimizer_state  # noqa: PLC0415  2 s to import

    for name, parameter in module.named_parameters():
        if name in state.steps:
            for moment in MOMENTS:
                value = state.moments[f"{moment}.{name}"].to(parameter.device)
                safe_set_full_optimizer_state(parameter, value, moment)
    for group, flat in _pieces(zero):
        made = max((state.steps.get(name, 0) for name in group["names"]), default=0)
        zero.optimizer.state[flat]["step"] = torch.tensor(float(made))


def _pieces(zero: Any) -> list[tuple[dict[str, Any], Tensor]]:
    """Return this process's flat pieces, each with the parameter group it is of."""
    groups = zero.optimizer.param_groups
    if hasattr(zero, "sub_group_to_group_id"):  # stage 3
        flats = enumerate(zero.fp32_partitioned_groups_flat)
        return [(groups[zero.sub_group_to_group_id[number]], flat) for number, flat in flats]
    return list(zip(groups, zero.single_partition_of_fp32_groups, strict=True))
