"""Compute the decoder's last convolution, after its upsampling, in its plain and its fast form.

Three output channels at full size cannot fill a vector register, so the plain form is the slowest
layer of the decoder. The fast form computes twelve channels at half size and a pixel shuffle.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.deterministic_forms import pad
from emotalk.models.fast_forms import takes_fast_form
from emotalk.models.upsample_conv import phase_kernel, replicate_border


class OutputKernels(NamedTuple):
    """Hold the last convolution's kernel as stored and as four phases, and the bias."""

    full: Tensor
    phases: Tensor
    bias: Tensor


def output_kernels(conv: nn.Conv2d) -> OutputKernels:
    """Return both layouts of the last convolution's weight."""
    assert conv.bias is not None
    return OutputKernels(conv.weight, phase_kernel(conv.weight), conv.bias)


def plain_output_conv(small_NCHW: Tensor, weight_OIHW: Tensor, bias: Tensor) -> Tensor:
    """Return the reflection-padded convolution of the images upsampled by two."""
    large_NCHW = F.interpolate(small_NCHW, scale_factor=2, mode="nearest")
    padded = pad(large_NCHW, (weight_OIHW.shape[-1] // 2,) * 4, "reflect")
    return F.conv2d(padded, weight_OIHW, bias)


def output_conv(small_NCHW: Tensor, kernels: OutputKernels) -> Tensor:
    """Return the images (N, 3, 2 H, 2 W) that `plain_output_conv` gives."""
    if not takes_fast_form(small_NCHW):
        return plain_output_conv(small_NCHW, kernels.full, kernels.bias)
    bias_of_phases = torch.stack([kernels.bias] * 4, dim=1).flatten()
    if kernels.full.shape[-1] == 3:
        padded = replicate_border(small_NCHW)
        return F.pixel_shuffle(F.conv2d(padded, kernels.phases, bias_of_phases), 2)
    inside = F.conv2d(small_NCHW, kernels.phases, bias_of_phases, padding="same")
    return _with_exact_border(F.pixel_shuffle(inside, 2), small_NCHW, kernels)


def _with_exact_border(images_NCHW: Tensor, small_NCHW: Tensor, kernels: OutputKernels) -> Tensor:
    """Return the images with their outermost pixels computed at full size.

    Reflection of the large image by more than one pixel is no padding of the small one, so pixels
    whose kernel crosses the border are computed in strips.
    """
    reach = kernels.full.shape[-1] // 2
    H, W = images_NCHW.shape[-2:]
    top, bottom = _edge_convs(small_NCHW, kernels.full, kernels.bias)
    # Transposed, so that the long side is the one that lies in memory in order.
    turned = _edge_convs(small_NCHW.transpose(2, 3), kernels.full.transpose(2, 3), kernels.bias)
    left, right = (edge.transpose(2, 3)[:, :, reach : H - reach] for edge in turned)
    middle = images_NCHW[:, :, reach : H - reach, reach : W - reach]
    middle = torch.cat([left, middle, right], dim=3)
    return torch.cat([top, middle, bottom], dim=2)


def _edge_convs(small_NCHW: Tensor, weight_OIHW: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the convolution's first and last rows, as many as see beyond the border."""
    reach, rows = weight_OIHW.shape[-1] // 2, small_NCHW.shape[2]
    device = small_NCHW.device
    # Inputs of the first rows: `reach` reflected pixels, the rows themselves, `reach` further ones.
    seen = torch.cat([torch.arange(reach, 0, -1), torch.arange(2 * reach)]).to(device) // 2
    index = torch.cat([seen, rows - 1 - seen.flip(0)])
    edges = small_NCHW.index_select(2, index).repeat_interleave(2, dim=3)
    edges = pad(edges, (reach, reach, 0, 0), "reflect")
    first, last = edges.chunk(2, dim=2)
    both = F.conv2d(torch.cat([first, last]), weight_OIHW, bias)
    top, bottom = both.chunk(2)
    return top, bottom
