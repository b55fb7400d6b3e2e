"""Pad and pool so that the gradient is the same in every run: for `runtime.deterministic=true`.

On CUDA the gradients of PyTorch's reflection and replication padding and of its max pooling add by
atomic operations, in an order that changes from run to run; deterministic training refuses them.
The forms here consist of slices, whose gradients are added in a fixed order. They give the same
values with more and slower kernels, so they are taken in deterministic training alone.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ATOMIC_DEVICES = frozenset({"cuda"})  # types of devices whose gradients add by atomic operations
Border = Literal["reflect", "replicate", "constant"]


def takes_fixed_order(x: Tensor) -> bool:
    """Return whether an operation on `x` takes the form with a reproducible gradient."""
    return x.device.type in ATOMIC_DEVICES and torch.are_deterministic_algorithms_enabled()


def pad(x: Tensor, widths: tuple[int, ...], border: Border) -> Tensor:
    """Return `x` padded as `torch.nn.functional.pad` does.

    Args:
        x: its last dimensions are padded.
        widths: (left, right) of the last dimension, then those of the dimension before it, ...
        border: what is outside; `constant` is zero.
    """
    if border == "constant" or not takes_fixed_order(x):
        return F.pad(x, widths, mode=border)
    return pad_by_slices(x, widths, border)


def pad_by_slices(x: Tensor, widths: tuple[int, ...], border: Border) -> Tensor:
    """Return what `pad` returns, put together from slices, for `reflect` and `replicate`.

    Raises:
        ValueError: the border is another one.
    """
    if border == "constant":
        raise ValueError(f"border: got {border!r}, allowed are 'reflect', 'replicate'")
    for number, (left, right) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        dim, size = x.dim() - 1 - number, x.shape[-1 - number]
        if border == "reflect":
            before = x.narrow(dim, 1, left).flip(dim)
            after = x.narrow(dim, size - 1 - right, right).flip(dim)
        else:
            before = x.narrow(dim, 0, 1).repeat_interleave(left, dim)
            after = x.narrow(dim, size - 1, 1).repeat_interleave(right, dim)
        x = torch.cat([before, x, after], dim)
    return x


class MaxPool(nn.MaxPool2d):
    """Max pooling over 2 x 2 pixels with stride 2; an odd last row or column is left out."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return the maxima (N, C, H // 2, W // 2)."""
        return max_by_slices(x_NCHW) if takes_fixed_order(x_NCHW) else super().forward(x_NCHW)


def max_by_slices(x_NCHW: Tensor) -> Tensor:
    """Return the maxima over 2 x 2 pixels; pixels that share one share its gradient.

    `torch.nn.MaxPool2d` gives such a gradient to the first of them.
    """
    H, W = (size - size % 2 for size in x_NCHW.shape[-2:])
    rows = torch.maximum(x_NCHW[:, :, 0:H:2], x_NCHW[:, :, 1:H:2])
    return torch.maximum(rows[..., 0:W:2], rows[..., 1:W:2])
