"""A network, its optimiser and its Accelerator, under one short interface for DDP and DeepSpeed."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from emotalk.distributed.adam import AdamByParts, OptimizerState
from emotalk.distributed.full_state import (
    full_shapes,
    read_optimizer,
    read_weights,
    write_optimizer,
    write_weights,
)
from emotalk.distributed.zero_state import begin_zero, zero_of


class NonFiniteGradientError(ArithmeticError):
    """A gradient is NaN or infinite; the weights are as they were before the step."""


class Engine:
    """One network that learns: call it, hand it losses, step.

    Under DDP and in one process `step` clips, checks and steps. DeepSpeed does all of that inside
    its own backward pass, so there `step` only reports the norm.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: AdamByParts,
        accelerator: Accelerator,
        *,
        name: str,
        clip_grad_norm: float = 0.0,
        compile_network: bool = False,
    ) -> None:
        """Wrap `module`; `clip_grad_norm` 0 means no clipping."""
        self.name = name
        self.is_deepspeed = accelerator.state.deepspeed_plugins is not None
        if self.is_deepspeed:
            accelerator.state.select_deepspeed_plugin(name)
            accelerator.state.deepspeed_plugin.deepspeed_config["gradient_clipping"] = (
                clip_grad_norm
            )
        self._accelerator, self._adam = accelerator, optimizer
        self._clip = clip_grad_norm
        if compile_network:
            module.compile()  # in place: the names of its parameters stay
        self._wrapped: Any
        self._wrapped, self._optimizer = accelerator.prepare(module, optimizer)
        self.module: nn.Module = getattr(self._wrapped, "module", self._wrapped)
        zero = zero_of(self._optimizer)
        if zero is not None:
            begin_zero(zero)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network so that its gradients will be averaged over the processes."""
        return self._wrapped(*args, **kwargs)

    @property
    def kind(self) -> str:
        """How the network is spread: `DeepSpeed ZeRO-2`, `DDP` or `one process`."""
        if self.is_deepspeed:
            return f"DeepSpeed ZeRO-{self._wrapped.zero_optimization_stage()}"
        return "one process" if self._wrapped is self.module else "DDP"

    @contextmanager
    def frozen(self) -> Iterator[nn.Module]:
        """Lend the bare network with its parameters left out of every graph."""
        flags = [parameter.requires_grad for parameter in self.module.parameters()]
        self.module.requires_grad_(requires_grad=False)
        try:
            yield self.module
        finally:
            for parameter, flag in zip(self.module.parameters(), flags, strict=True):
                parameter.requires_grad_(flag)

    def micro_batch(self, *, last: bool) -> AbstractContextManager[None]:
        """Return the context of one micro-batch: only the last one's backward is averaged."""
        if last or self.is_deepspeed or not hasattr(self._wrapped, "no_sync"):
            return nullcontext()
        quiet: AbstractContextManager[None] = self._wrapped.no_sync()
        return quiet

    def backward(self, loss: Tensor, *, lr: float, last: bool) -> None:
        """Add the gradients of `loss` to those of the micro-batches before it."""
        if self.is_deepspeed:
            self._set_lr(lr)
            self._accelerator.deepspeed_engine_wrapped.backward(loss, sync_gradients=last)
        else:
            self._accelerator.backward(loss)

    def wake(self, parts: Collection[str]) -> None:
        """Let only these parts of the network learn, from here on; the others stand still."""
        self._adam.wake(parts)

    def step(self, *, lr: float) -> float:
        """Update the weights; return the gradients' norm over all parameters, before clipping.

        Args:
            lr: learning rate of this step.

        Raises:
            NonFiniteGradientError: before the weights are touched (not under DeepSpeed, which has
                stepped inside `backward`).
        """
        if self.is_deepspeed:
            norm = self._accelerator.deepspeed_engine_wrapped.get_global_grad_norm()
            return float(norm if norm is not None else 0.0)
        norm = self._gradient_norm()
        self._set_lr(lr)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return norm

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> full shape of every tensor of the network."""
        return full_shapes(self.module)

    def read_weights(self) -> dict[str, Tensor]:
        """Return the network's whole `state_dict`, gathered. Every process must call it."""
        return read_weights(self.module)

    def write_weights(self, state: Mapping[str, Tensor]) -> None:
        """Put a whole `state_dict` into the network. Every process must call it."""
        write_weights(self.module, self._optimizer, state, is_deepspeed=self.is_deepspeed)

    def read_optimizer(self) -> OptimizerState:
        """Return Adam's whole state, gathered over the processes, by parameter name."""
        return read_optimizer(self.module, self._optimizer)

    def write_optimizer(self, state: OptimizerState) -> None:
        """Put a state that `read_optimizer` returned back, on any number of processes."""
        write_optimizer(self.module, self._optimizer, state)

    def _set_lr(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

    def _gradient_norm(self) -> float:
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        total = torch.nn.utils.get_total_norm(gradients)
        norm = float(total)
        if not torch.isfinite(total):
            self._optimizer.zero_grad()
            raise NonFiniteGradientError(f"the gradient norm of the {self.name} is {norm}")
        if self._clip:
            torch.nn.utils.clip_grads_with_norm_(self.module.parameters(), self._clip, total)
        return norm
