"""Read and write Adam's state under ZeRO, which partitions it over the processes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from emotalk.distributed.adam import MOMENTS, AdamByParts, OptimizerState


def zero_of(optimizer: Any) -> Any | None:
    """Return DeepSpeed's ZeRO optimiser inside `optimizer`, or None where Adam holds it all."""
    inner = getattr(optimizer, "optimizer", optimizer)
    return None if isinstance(inner, AdamByParts) else inner


def create_zero_moments(zero: Any) -> None:
    """Create zero moments for every partition.

    DeepSpeed links moments to parameters only once, at the first step. A part that is not updated
    in that step could otherwise never be saved or loaded.
    """
    for _, flat in _partitions(zero):
        moments = {moment: torch.zeros_like(flat) for moment in MOMENTS}
        zero.optimizer.state[flat] = {"step": torch.tensor(0.0), **moments}
    if hasattr(zero, "_lazy_init_hp_params_optimizer_state"):  # stages 1 and 2
        zero._lazy_init_hp_params_optimizer_state()


def read_zero(module: nn.Module, zero: Any, *, keep: bool = True) -> OptimizerState:
    """Return Adam's whole state, gathered. Every process must call it.

    Args:
        module: the network, bare.
        zero: DeepSpeed's optimiser.
        keep: False leaves the moments out on this process.
    """
    from deepspeed.utils import safe_get_full_optimizer_state  # noqa: PLC0415  2 s to import

    moments: dict[str, Tensor] = {}
    steps = {
        name: int(zero.optimizer.state[flat]["step"])
        for group, flat in _partitions(zero)
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
    """Load `state`, on any number of processes. Every process must call it."""
    for name, parameter in module.named_parameters():
        if name in state.steps:
            for moment in MOMENTS:
                _set_moment(parameter, moment, state.moments[f"{moment}.{name}"])
    for group, flat in _partitions(zero):
        made = max((state.steps.get(name, 0) for name in group["names"]), default=0)
        zero.optimizer.state[flat]["step"] = torch.tensor(float(made))


def set_master_weight(parameter: nn.Parameter, value: Tensor) -> None:
    """Load a whole tensor into the float32 copy that ZeRO keeps of a parameter."""
    from deepspeed.utils import (  # noqa: PLC0415  2 s to import
        safe_set_full_fp32_param,
        safe_set_local_fp32_param,
    )

    if hasattr(parameter, "ds_id"):
        safe_set_local_fp32_param(parameter, _own_partition(parameter, value))
    else:
        safe_set_full_fp32_param(parameter, value.to(parameter.device))


def _set_moment(parameter: nn.Parameter, moment: str, value: Tensor) -> None:
    from deepspeed.utils import (  # noqa: PLC0415  2 s to import
        safe_set_full_optimizer_state,
        safe_set_local_optimizer_state,
    )

    if hasattr(parameter, "ds_id"):
        safe_set_local_optimizer_state(parameter, _own_partition(parameter, value), moment)
    else:
        safe_set_full_optimizer_state(parameter, value.to(parameter.device), moment)


def _own_partition(parameter: Any, value: Tensor) -> Tensor:
    """Return this process's partition of a whole tensor under ZeRO-3, padded with zeros.

    DeepSpeed's own functions fail where the number of processes does not divide the size.
    """
    rank, pieces = parameter.ds_process_group.rank(), parameter.ds_process_group.size()
    length = parameter.ds_tensor.numel()
    flat = value.to(parameter.device).flatten()
    return functional.pad(flat, (0, pieces * length - flat.numel()))[rank * length :][:length]


def _partitions(zero: Any) -> list[tuple[dict[str, Any], Tensor]]:
    """Return this process's flat partitions, each with its parameter group."""
    groups = zero.optimizer.param_groups
    if hasattr(zero, "sub_group_to_group_id"):  # stage 3
        flats = enumerate(zero.fp32_partitioned_groups_flat)
        return [(groups[zero.sub_group_to_group_id[number]], flat) for number, flat in flats]
    return list(zip(groups, zero.single_partition_of_fp32_groups, strict=True))
