"""Let recurrent layers on a CPU refuse what cuDNN's refuse on a GPU.

cuDNN's backward of an LSTM or a GRU runs only where its forward ran in training mode ("cudnn RNN
backward can only be called in training mode"), and it cannot be differentiated again ("derivative
for _cudnn_rnn_backward is not implemented"). On a CPU both work, so that a fault of this kind shows
on the first GPU only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

KERNELS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
# Places of `train` among the arguments of torch's kernels, for whole and for packed sequences.
TRAIN, TRAIN_PACKED = 6, 7


@dataclass
class Seen:
    """Count recurrent passes under the guard."""

    forward: int = 0
    backward: int = 0


class CudnnRefusal(RuntimeError):  # noqa: N818  named after what cuDNN does
    """Raised where cuDNN would refuse the call."""


@contextmanager
def cudnn_rules() -> Iterator[Seen]:
    """Put cuDNN's rules on every recurrent layer of torch in the block.

    Raises:
        CudnnRefusal: a backward pass of a layer that ran in evaluation mode.
        RuntimeError: a backward pass of a backward pass.
    """
    seen = Seen()
    kernels = {name: getattr(torch._VF, name) for name in KERNELS}
    for name, kernel in kernels.items():
        setattr(torch._VF, name, _guarded(kernel, seen))
    try:
        yield seen
    finally:
        for name, kernel in kernels.items():
            setattr(torch._VF, name, kernel)


def _guarded(kernel: Callable[..., tuple[Tensor, ...]], seen: Seen) -> Callable[..., Any]:
    def guarded(*args: Any) -> tuple[Tensor, ...]:
        packed = isinstance(
            args[2], Tensor
        )  # (data, batch sizes, state, ...) or (input, state,...)
        trains = bool(args[TRAIN_PACKED if packed else TRAIN])
        seen.forward += 1
        outputs: tuple[Tensor, ...] = _Guard.apply(seen, trains, *kernel(*args))  # type: ignore[no-untyped-call]
        return outputs

    return guarded


class _Guard(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, seen: Seen, trains: bool, *outputs: Tensor) -> tuple[Tensor, ...]:
        ctx.seen, ctx.trains = seen, trains
        return tuple(output.view_as(output) for output in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        if not ctx.trains:
            raise CudnnRefusal("cudnn RNN backward can only be called in training mode")
        ctx.seen.backward += 1
        return (None, None, *gradients)
