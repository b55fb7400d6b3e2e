"""Unroll a ConvLSTM over the frames, in its plain form and with a gradient written by hand.

Autograd keeps every product of every gate and computes the recurrent weight's gradient frame by
frame. The fast form keeps the activated gates and the cells only, and computes that gradient by one
convolution over all frames.
"""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from emotalk.models.activation import SLOPE, leaky_relu
from emotalk.models.fast_forms import takes_own_gradient

CellActivation = Literal["tanh", "leaky_relu"]


def unroll(
    gates_TBCHW: Tensor,
    clip_gates_BCHW: Tensor,
    kernel: Tensor,
    hidden_BCHW: Tensor,
    cell_BCHW: Tensor,
    *,
    cell_activation: CellActivation,
) -> tuple[Tensor, Tensor]:
    """Return the hidden images (T, B, C, H, W) and the last cell image (B, C, H, W).

    All tensors share one floating-point type; without gradients the cell may have a wider one, so
    that it loses nothing over many frames. Differentiable once.

    Args:
        gates_TBCHW: each frame's input to the gates, in the order input, forget, output, cell.
        clip_gates_BCHW: the input to the gates that is the same for all frames.
        kernel: of the hidden image's 3 x 3 convolution, (4 C, C, 3, 3).
        hidden_BCHW: the hidden image before the first frame.
        cell_BCHW: the cell image before the first frame.
        cell_activation: of the cell gate.
    """
    inputs = (gates_TBCHW, clip_gates_BCHW, kernel, hidden_BCHW, cell_BCHW)
    if not takes_own_gradient(gates_TBCHW):
        return plain_unroll(*inputs, cell_activation=cell_activation)
    if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
        outputs_TBCHW, cell_BCHW = _Unroll.apply(*inputs, cell_activation)  # type: ignore[no-untyped-call]
        return outputs_TBCHW, cell_BCHW
    unrolled = _unroll(*inputs, cell_activation=cell_activation, keep=False)
    return unrolled.outputs_TBCHW, unrolled.cells[-1]


def plain_unroll(
    gates_TBCHW: Tensor,
    clip_gates_BCHW: Tensor,
    kernel: Tensor,
    hidden: Tensor,
    cell: Tensor,
    *,
    cell_activation: CellActivation,
) -> tuple[Tensor, Tensor]:
    """Return the same as `unroll`, computed frame by frame under autograd."""
    outputs = []
    for gates_BCHW in gates_TBCHW.unbind(0):
        gates = gates_BCHW + clip_gates_BCHW + F.conv2d(hidden, kernel, padding=1)
        input_gate, forget_gate, output_gate, cell_gate = gates.chunk(4, dim=1)
        cell_gate = torch.tanh(cell_gate) if cell_activation == "tanh" else leaky_relu(cell_gate)
        cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * cell_gate
        hidden = torch.sigmoid(output_gate) * torch.tanh(cell)
        outputs.append(hidden)
    return torch.stack(outputs), cell


class _Unrolled(NamedTuple):
    """Hold values that the forward pass keeps for the backward pass.

    Attributes:
        outputs_TBCHW: hidden images.
        cells: the cell image (B, C, H, W) of each frame.
        gates: the activated gates (B, 4 C, H, W) of each frame; empty where no gradient is wanted.
    """

    outputs_TBCHW: Tensor
    cells: list[Tensor]
    gates: list[Tensor]


def _unroll(
    gates_TBCHW: Tensor,
    clip_gates_BCHW: Tensor,
    kernel: Tensor,
    hidden: Tensor,
    cell: Tensor,
    *,
    cell_activation: CellActivation,
    keep: bool,
) -> _Unrolled:
    """Unroll without a graph; every frame's gates are activated in place."""
    T, B = gates_TBCHW.shape[:2]
    outputs_NCHW = _empty_images(T * B, hidden)
    outputs_TBCHW = torch.unflatten(outputs_NCHW, 0, (T, B))
    cells, kept = [], []
    for gates_BCHW, output in zip(gates_TBCHW.unbind(0), outputs_TBCHW.unbind(0), strict=True):
        gates = F.conv2d(hidden, kernel, padding=1).add_(gates_BCHW).add_(clip_gates_BCHW)
        sigmoid_gates, cell_gate = _split(gates)
        input_gate, forget_gate, output_gate = sigmoid_gates.sigmoid_().chunk(3, dim=1)
        if cell_activation == "tanh":
            cell_gate.tanh_()
        else:
            F.leaky_relu_(cell_gate, SLOPE)
        cell = (forget_gate * cell).addcmul_(input_gate, cell_gate)
        hidden = torch.mul(output_gate, torch.tanh(cell), out=output)
        cells.append(cell)
        if keep:
            kept.append(gates)
        else:
            del cells[:-1]
    return _Unrolled(outputs_TBCHW, cells, kept)


class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        *tensors, ctx.cell_activation = inputs
        unrolled = _unroll(*tensors, cell_activation=ctx.cell_activation, keep=True)
        _, _, kernel, hidden, cell = tensors
        outputs_TBCHW, cells, gates = unrolled
        ctx.save_for_backward(kernel, hidden, cell, outputs_TBCHW, *cells, *gates)
        return outputs_TBCHW, cells[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        grad_outputs_TBCHW, grad_cell = gradients
        kernel, hidden, cell, outputs_TBCHW, *rest = ctx.saved_tensors
        T, B = outputs_TBCHW.shape[:2]
        cells, gates = [cell, *rest[:T]], rest[T:]
        grad_gates_NCHW = _empty_images(T * B, gates[0])
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
                ctx.cell_activation,
            )
            grad_hidden = F.conv_transpose2d(grad_gates_TBCHW[t], kernel, padding=1)
        before_NCHW = torch.cat([hidden, outputs_TBCHW[:-1].flatten(0, 1)])
        grad_kernel = conv2d_weight(  # type: ignore[no-untyped-call]
            before_NCHW, kernel.shape, grad_gates_NCHW, padding=1
        )
        grad_clip_gates_BCHW = _sum_over_frames(grad_gates_NCHW, T)
        return grad_gates_TBCHW, grad_clip_gates_BCHW, grad_kernel, grad_hidden, grad_cell, None


def _step_back(
    grad_hidden: Tensor,
    grad_cell: Tensor,
    gates: Tensor,
    cell_before: Tensor,
    cell: Tensor,
    grad_gates: Tensor,
    cell_activation: CellActivation,
) -> Tensor:
    """Return the gradient by the cell of the frame before; write that by the gates' inputs."""
    sigmoid_gates, cell_gate = _split(gates)
    input_gate, forget_gate, output_gate = sigmoid_gates.chunk(3, dim=1)
    grad_sigmoids, grad_cell_gate = _split(grad_gates)
    grad_input, grad_forget, grad_output = grad_sigmoids.chunk(3, dim=1)
    squashed = torch.tanh(cell)
    torch.mul(grad_hidden, squashed, out=grad_output)
    grad_cell = grad_cell + torch.ops.aten.tanh_backward(grad_hidden * output_gate, squashed)
    torch.mul(grad_cell, cell_gate, out=grad_input)
    torch.mul(grad_cell, cell_before, out=grad_forget)
    torch.ops.aten.sigmoid_backward.grad_input(
        grad_sigmoids, sigmoid_gates, grad_input=grad_sigmoids
    )
    torch.mul(grad_cell, input_gate, out=grad_cell_gate)
    if cell_activation == "tanh":
        torch.ops.aten.tanh_backward.grad_input(
            grad_cell_gate, cell_gate, grad_input=grad_cell_gate
        )
    else:  # its result has the sign of its input
        torch.ops.aten.leaky_relu_backward.grad_input(
            grad_cell_gate, cell_gate, SLOPE, True, grad_input=grad_cell_gate
        )
    return grad_cell * forget_gate


def _split(gates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the three sigmoid gates side by side, and the cell gate."""
    channels = gates.shape[1] // 4
    sigmoid_gates, cell_gate = torch.split(gates, [3 * channels, channels], dim=1)
    return sigmoid_gates, cell_gate


def _sum_over_frames(images_NCHW: Tensor, frames: int) -> Tensor:
    """Return (B, C, H, W), summed in the order of the memory: three times as fast."""
    images_TBHWC = torch.unflatten(images_NCHW.permute(0, 2, 3, 1), 0, (frames, -1))
    return images_TBHWC.flatten(1).sum(0).view(images_TBHWC.shape[1:]).permute(0, 3, 1, 2)


def _empty_images(count: int, like_BCHW: Tensor) -> Tensor:
    """Return memory for `count` images of a size and type, channels last."""
    return torch.empty(
        (count, *like_BCHW.shape[1:]),
        dtype=like_BCHW.dtype,
        device=like_BCHW.device,
        memory_format=torch.channels_last,
    )
