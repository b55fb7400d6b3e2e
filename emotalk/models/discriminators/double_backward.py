"""Define a convolution and leaky ReLU that are fast to differentiate twice.

A gradient penalty differentiates a gradient.

The plain forms are `torch.nn.functional`'s; the fast ones give the same numbers:
    - PyTorch computes the second derivative of a convolution by its weight as a convolution with a
      kernel as large as an image. The ordinary weight gradient is the same sum, several times
      faster.
    - PyTorch differentiates the sign inside the leaky ReLU and sends tensors of zeros back through
      every layer. Here the sign is a constant.

Compiled programs take the plain forms: the compiler cannot differentiate twice, and the penalty is
computed with the module that is not compiled.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.fast_forms import takes_own_gradient


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` of kernel 3, stride 2, zero padding 1 with a fast second derivative."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, stride=2, padding=1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return the convolved frames (N, out_channels, ceil(H / 2), ceil(W / 2))."""
        return conv2d(x_NCHW, self.weight, self.bias)


class LeakyReLU(nn.Module):
    """Leaky ReLU with a fast second derivative.

    Args:
        slope: for negative numbers, between 0 and 1.
    """

    def __init__(self, slope: float) -> None:
        super().__init__()
        if not 0 < slope < 1:
            raise ValueError(f"slope: got {slope}, allowed is 0 < slope < 1")
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Return x where it is positive, slope * x elsewhere."""
        if not takes_own_gradient(x):
            return F.leaky_relu(x, self.slope)
        y: Tensor = _LeakyReLU.apply(x, self.slope)  # type: ignore[no-untyped-call]
        return y


def conv2d(x_NCHW: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the stride-2, padding-1 convolution, in autocast's precision where it is on."""
    if not takes_own_gradient(x_NCHW):
        return F.conv2d(x_NCHW, weight, bias, stride=2, padding=1)
    device = x_NCHW.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        x_NCHW, weight = x_NCHW.to(dtype), weight.to(dtype)
        bias = bias if bias is None else bias.to(dtype)
    # Views: the engine tells only of inner nodes whether it will need them (`_wanted`).
    weight, bias = weight.view_as(weight), bias if bias is None else bias.view_as(bias)
    y: Tensor = _Conv2d.apply(x_NCHW.view_as(x_NCHW), weight, bias)  # type: ignore[no-untyped-call]
    return y


class _Conv2d(torch.autograd.Function):
    """The convolution; its input gradient is `_InputGradient`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        if grad is None:
            return None, None, None
        x, weight = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return _gradients(grad, x, weight, ctx.needs_input_grad)
        by_x, by_weight, by_bias = _wanted(ctx)
        _, weight_grad, bias_grad = _gradients(grad, x, weight, (False, by_weight, by_bias))
        x_grad = _InputGradient.apply(grad, weight, x) if by_x else None  # type: ignore[no-untyped-call]
        return x_grad, weight_grad, bias_grad


class _InputGradient(torch.autograd.Function):
    """The gradient of a convolution by its input; linear in both the gradient and the weight."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, weight: Tensor, like_x: Tensor) -> Tensor | None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(grad, weight)
        return _gradients(grad, like_x, weight, (True, False, False))[0]

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        (v,) = cotangents
        if v is None:
            return None, None, None
        grad, weight = ctx.saved_tensors
        by_grad, by_weight, _ = ctx.needs_input_grad
        weight_grad = _gradients(grad, v, weight, (False, by_weight, False))[1]
        return conv2d(v, weight) if by_grad else None, weight_grad, None


class _LeakyReLU(torch.autograd.Function):
    """Leaky ReLU whose gradient is linear in the gradient and depends on nothing else."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        ctx.set_materialize_grads(False)
        y = F.leaky_relu(x, slope)
        ctx.save_for_backward(y)
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        (grad,) = grads
        if grad is None:
            return None, None
        (y,) = ctx.saved_tensors  # of the same sign as x, as the slope is positive
        return torch.ops.aten.leaky_relu_backward(grad, y.detach(), ctx.slope, False), None


def _gradients(
    grad: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return the convolution's gradients by input, weight and bias, as far as wanted."""
    if not any(wanted):
        return None, None, None
    two, one, none = [2, 2], [1, 1], [0, 0]
    x_grad, weight_grad, bias_grad = torch.ops.aten.convolution_backward(
        grad, x, weight, [weight.shape[0]], two, one, one, False, none, 1, list(wanted)
    )
    return x_grad, weight_grad, bias_grad


def _wanted(ctx: Any) -> list[bool]:
    """Return whether the running backward pass needs the gradient of each of the three inputs.

    `needs_input_grad` names every differentiable input, also the weights where only the gradient by
    the video is needed.
    """
    nodes = [node for node, _ in ctx.next_functions]
    nodes += [None] * (len(ctx.needs_input_grad) - len(nodes))  # no node for an absent bias
    return [node is not None and torch._C._will_engine_execute_node(node) for node in nodes]
