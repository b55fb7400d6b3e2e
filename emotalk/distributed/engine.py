"""Wrap a network and its optimiser in one interface for DDP, DeepSpeed and a single process."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
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
from emotalk.distributed.update_guard import GradientNorms, NonFiniteGradientError, UpdateGuard
from emotalk.distributed.zero_state import create_zero_moments, zero_of


class Engine:
    """Call, differentiate and update one network.

    Without ZeRO `step` computes the norm of the gradients, raises where it is not finite, clips and
    updates. Under ZeRO, which partitions the gradients, DeepSpeed's own step does all of this.

    Attributes:
        before_exchange: called before the backward pass in which gradients are averaged.
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
        """Wrap `module`; a `clip_grad_norm` of 0 means no clipping."""
        self.name = name
        self.is_deepspeed = accelerator.state.deepspeed_plugins is not None
        if self.is_deepspeed:
            accelerator.state.select_deepspeed_plugin(name)
            settings = accelerator.state.deepspeed_plugin.deepspeed_config
            if settings.get("zero_optimization", {}).get("stage", 0):
                settings["gradient_clipping"] = clip_grad_norm
        self._accelerator, self._adam = accelerator, optimizer
        self.before_exchange: Callable[[], None] = _nothing
        self._clip = clip_grad_norm
        if compile_network:
            module.compile()  # in place: the names of its parameters stay
        self._wrapped: Any
        self._wrapped, self._optimizer = accelerator.prepare(module, optimizer)
        self.module: nn.Module = getattr(self._wrapped, "module", self._wrapped)
        self._zero = zero_of(self._optimizer)
        if self._zero is not None:
            create_zero_moments(self._zero)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the network; its gradients will be averaged over the processes."""
        return self._wrapped(*args, **kwargs)

    @property
    def kind(self) -> str:
        """Return the kind of parallelism: `DeepSpeed ZeRO-2`, `DDP` or `one process`."""
        if self.is_deepspeed:
            return f"DeepSpeed ZeRO-{self.zero_stage}"
        return "one process" if self._wrapped is self.module else "DDP"

    @property
    def zero_stage(self) -> int | None:
        """Return the ZeRO stage; None where DeepSpeed does not drive the network."""
        return int(self._wrapped.zero_optimization_stage()) if self.is_deepspeed else None

    @contextmanager
    def frozen(self) -> Iterator[nn.Module]:
        """Yield the bare network; autograd ignores its parameters within the block."""
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

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Add the gradients of `loss` to those of the micro-batches before it."""
        if last:
            self.before_exchange()
        if self.is_deepspeed:
            # Accelerate's own backward would also step, before the norm is known.
            self._wrapped.set_gradient_accumulation_boundary(is_boundary=last)
            self._wrapped.backward(loss)
        else:
            self._accelerator.backward(loss)

    def learning(self, parts: Collection[str]) -> AbstractContextManager[None]:
        """Return the context in which a step updates these parts of the network alone."""
        return self._adam.learning(parts)

    def step(self, *, lr: float, guard: UpdateGuard | None = None) -> float:
        """Update the weights; return the gradients' norm over all parameters, before clipping.

        It is NaN where the guard has not read it yet.

        Args:
            lr: learning rate of this step.
            guard: of the updates of this step of the training; None for a single one. It may defer
                no update of DeepSpeed's.

        Raises:
            NonFiniteGradientError: before weights or moments are touched.
        """
        guard = guard or UpdateGuard()
        self._set_lr(lr)
        if self._zero is not None:
            guard.totals.append(self._step_zero(place=len(guard.totals)))
            return guard.totals[-1]
        norms = self._gradient_norms()
        try:
            finite = guard.admit(norms)
        except NonFiniteGradientError:
            self.module.zero_grad()
            raise
        if self._clip:
            parameters = self.module.parameters()
            torch.nn.utils.clip_grads_with_norm_(parameters, self._clip, norms.total)
        if self.is_deepspeed:
            assert finite is None, "DeepSpeed makes an update or raises"
            self._wrapped.step()
        else:
            if finite is None:
                self._optimizer.step()
            else:
                norms.undo = self._adam.step_where(finite)
            self._optimizer.zero_grad()
        return guard.totals[-1] if guard.is_read else math.nan

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> full shape of every tensor of the network."""
        return full_shapes(self.module)

    def read_weights(self, *, keep: bool = True) -> dict[str, Tensor]:
        """Return copies of the network's whole `state_dict`, gathered, on the device.

        Every process must call it; `keep` False returns nothing on this process.
        """
        return read_weights(self.module, keep=keep)

    def write_weights(self, state: Mapping[str, Tensor]) -> None:
        """Load a whole `state_dict` into the network. Every process must call it."""
        write_weights(self.module, self._optimizer, state, is_deepspeed=self.is_deepspeed)

    def read_optimizer(self, *, keep: bool = True) -> OptimizerState:
        """Return copies of Adam's whole state, gathered over the processes, by parameter name.

        Every process must call it; `keep` False leaves the moments out on this process.
        """
        return read_optimizer(self.module, self._optimizer, keep=keep)

    def write_optimizer(self, state: OptimizerState) -> None:
        """Load a state that `read_optimizer` returned, on any number of processes."""
        write_optimizer(self.module, self._optimizer, state)

    def _set_lr(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

    def _step_zero(self, *, place: int) -> float:
        """Step; where the norm is not finite, ZeRO changes nothing on any process."""
        self._wrapped.step()
        norm = self._wrapped.get_global_grad_norm()
        value = float(norm if norm is not None else 0.0)
        if not math.isfinite(value) or value < 0:
            raise NonFiniteGradientError(
                f"the gradient norm of the {self.name} is not finite",
                engine=self.name,
                place=place,
            )
        return value

    def _gradient_norms(self) -> GradientNorms:
        gradients = {n: p.grad for n, p in self.module.named_parameters() if p.grad is not None}
        norms_N = torch.stack(torch._foreach_norm(list(gradients.values())))
        return GradientNorms(self.name, list(gradients), norms_N, torch.linalg.vector_norm(norms_N))


def _nothing() -> None:
    """Do nothing."""
