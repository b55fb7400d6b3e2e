"""The ConvLSTM's walk over the frames, and its gradient by hand.

Autograd would keep every product of every gate and compute the recurrent weight's gradient frame by
frame. Written out, the walk keeps the activated gates and the cells only, and that gradient is one
convolution over all frames at once.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

SLOPE = 0.2


class Walk(NamedTuple):
    """Values that the forward pass keeps for the backward pass.

    Attributes:
        outputs_TBCHW: hidden images.
        cells: the cell images (B, C, H, W), one a frame.
        gates: the activated gates (B, 4 C, H, W) in the order input, forget, output, cell, one a
            frame; empty where no gradient is wanted.
    """

    outputs_TBCHW: Tensor
    cells: list[Tensor]
    gates: list[Tensor]


def recurrence(
    gates_TBCHW: Tensor,
    clip_gates_BCHW: Tensor,
    kernel: Tensor,
    hidden_BCHW: Tensor,
    cell_BCHW: Tensor,
    *,
    tanh_candidate: bool,
) -> tuple[Tensor, Tensor]:
    """Return the hidden images (T, B, C, H, W) and the last cell image (B, C, H, W).

    All arguments share one floating-point type. Differentiable once.

    Args:
        gates_TBCHW: what each frame's input gives to the gates; order: input, forget, output, cell.
        clip_gates_BCHW: what is the same for all frames.
        kernel: of the hidden image's 3 x 3 convolution, (4 C, C, 3, 3).
        hidden_BCHW: the hidden image before the first frame.
        cell_BCHW: the cell image before the first frame.
        tanh_candidate: whether the cell gate is a tanh; else a leaky ReLU.
    """
    inputs = (gates_TBCHW, clip_gates_BCHW, kernel, hidden_BCHW, cell_BCHW)
    if torch.compiler.is_compiling():  # a compiler plans memory itself and wants plain operators
        return _traceable(*inputs, tanh_candidate)
    keep = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    if keep:
        outputs_TBCHW, cell_BCHW = _Recurrence.apply(*inputs, tanh_candidate)  # type: ignore[no-untyped-call]
        return outputs_TBCHW, cell_BCHW
    walk = _walk(*inputs, tanh_candidate=tanh_candidate, keep=False)
    return walk.outputs_TBCHW, walk.cells[-1]


def _traceable(
    gates_TBCHW: Tensor,
    clip_gates_BCHW: Tensor,
    kernel: Tensor,
    hidden: Tensor,
    cell: Tensor,
    tanh_candidate: bool,
) -> tuple[Tensor, Tensor]:
    outputs = []
    for gates_BCHW in gates_TBCHW.unbind(0):
        gates = gates_BCHW + clip_gates_BCHW + F.conv2d(hidden, kernel, padding=1)
        enter, forget, leave, candidate = gates.chunk(4, dim=1)
        candidate = torch.tanh(candidate) if tanh_candidate else F.leaky_relu(candidate, SLOPE)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * candidate
        hidden = torch.sigmoid(leave) * torch.tanh(cell)
        outputs.append(hidden)
    return torch.stack(outputs), cell


def _walk(
    gates_TBCHW: Tensor,
    clip_gates_BCHW: Tensor,
    kernel: Tensor,
    hidden: Tensor,
    cell: Tensor,
    *,
    tanh_candidate: bool,
    keep: bool,
) -> Walk:
    """Walk over the frames without a graph, every frame's gates written over each other."""
    T, B = gates_TBCHW.shape[:2]
    outputs_NCHW = _images(T * B, hidden)
    outputs_TBCHW = torch.unflatten(outputs_NCHW, 0, (T, B))
    cells, kept = [], []
    for gates_BCHW, output in zip(gates_TBCHW.unbind(0), outputs_TBCHW.unbind(0), strict=True):
        gates = F.conv2d(hidden, kernel, padding=1).add_(gates_BCHW).add_(clip_gates_BCHW)
        sigmoids, candidate = _parts(gates)
        enter, forget, leave = sigmoids.sigmoid_().chunk(3, dim=1)
        if tanh_candidate:
            candidate.tanh_()
        else:
            F.leaky_relu_(candidate, SLOPE)
        cell = (forget * cell).addcmul_(enter, candidate)
        hidden = torch.mul(leave, torch.tanh(cell), out=output)
        cells.append(cell)
        if keep:
            kept.append(gates)
        else:
            del cells[:-1]
    return Walk(outputs_TBCHW, cells, kept)


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        *tensors, tanh_candidate = inputs
        walk = _walk(*tensors, tanh_candidate=tanh_candidate, keep=True)
        _, _, kernel, hidden, cell = tensors
        ctx.tanh_candidate = tanh_candidate
        ctx.save_for_backward(kernel, hidden, cell, walk.outputs_TBCHW, *walk.cells, *walk.gates)
        return walk.outputs_TBCHW, walk.cells[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        grad_outputs_TBCHW, grad_cell = gradients
        kernel, hidden, cell, outputs_TBCHW, *rest = ctx.saved_tensors
        T, B = outputs_TBCHW.shape[:2]
        cells, gates = [cell, *rest[:T]], rest[T:]
        grad_gates_NCHW = _images(T * B, gates[0])
        grad_gates_TBCHW = torch.unflatten(grad_gates_NCHW, 0, (T, B))
        grad_hidden = torch.zeros_like(hidden)
        for t in reversed(range(T)):
            grad_hidden = grad_hidden + grad_outputs_TBCHW[t]
            grad_cell = _step_back(
                grad_hidden,
                grad_cell,
                gates[t],
                cells[t],
                cells[t + 1],
                grad_gates_TBCHW[t],
                tanh_candidate=ctx.tanh_candidate,
            )
            grad_hidden = F.conv_transpose2d(grad_gates_TBCHW[t], kernel, padding=1)
        before_NCHW = torch.cat([hidden, outputs_TBCHW[:-1].flatten(0, 1)])
        grad_kernel = conv2d_weight(  # type: ignore[no-untyped-call]
            before_NCHW, kernel.shape, grad_gates_NCHW, padding=1
        )
        return (
            grad_gates_TBCHW,
            _sum_over_frames(grad_gates_NCHW, T),
            grad_kernel,
            grad_hidden,
            grad_cell,
            None,
        )


def _step_back(
    grad_hidden: Tensor,
    grad_cell: Tensor,
    gates: Tensor,
    cell_before: Tensor,
    cell: Tensor,
    grad_gates: Tensor,
    *,
    tanh_candidate: bool,
) -> Tensor:
    """Return the gradient to the cell of the frame before; write that to the gates' sums."""
    sigmoids, candidate = _parts(gates)
    enter, forget, leave = sigmoids.chunk(3, dim=1)
    grad_sigmoids, grad_candidate = _parts(grad_gates)
    grad_enter, grad_forget, grad_leave = grad_sigmoids.chunk(3, dim=1)
    squashed = torch.tanh(cell)
    torch.mul(grad_hidden, squashed, out=grad_leave)
    grad_cell = grad_cell + torch.ops.aten.tanh_backward(grad_hidden * leave, squashed)
    torch.mul(grad_cell, candidate, out=grad_enter)
    torch.mul(grad_cell, cell_before, out=grad_forget)
    torch.ops.aten.sigmoid_backward.grad_input(grad_sigmoids, sigmoids, grad_input=grad_sigmoids)
    torch.mul(grad_cell, enter, out=grad_candidate)
    if tanh_candidate:
        torch.ops.aten.tanh_backward.grad_input(
            grad_candidate, candidate, grad_input=grad_candidate
        )
    else:  # its result has the sign of its input
        torch.ops.aten.leaky_relu_backward.grad_input(
            grad_candidate, candidate, SLOPE, True, grad_input=grad_candidate
        )
    return grad_cell * forget


def _parts(gates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the three sigmoid gates side by side, and the cell gate."""
    sigmoids, candidate = torch.split(gates, [gates.shape[1] // 4 * 3, gates.shape[1] // 4], dim=1)
    return sigmoids, candidate


def _sum_over_frames(images_NCHW: Tensor, frames: int) -> Tensor:
    """Return (B, C, H, W), summed in the order the memory lies in: three times as fast."""
    images_TBHWC = torch.unflatten(images_NCHW.permute(0, 2, 3, 1), 0, (frames, -1))
    return images_TBHWC.flatten(1).sum(0).view(images_TBHWC.shape[1:]).permute(0, 3, 1, 2)


def _images(count: int, like_BCHW: Tensor) -> Tensor:
    """Return memory for `count` images of a size and type, channels last."""
    return torch.empty(
        (count, *like_BCHW.shape[1:]),
        dtype=like_BCHW.dtype,
        device=like_BCHW.device,
        memory_format=torch.channels_last,
    )
