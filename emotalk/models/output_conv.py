"""The last convolution: three channels at full size, computed as twelve at half of it.

As written it is the slowest layer of the decoder: three channels cannot fill a vector register.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.upsample_conv import phase_kernel, replicate_border


class OutputKernels(NamedTuple):
    """The last convolution's kernel as stored and as four phases, and the bias."""

    full: Tensor
    phases: Tensor
    bias: Tensor


def output_kernels(conv: nn.Conv2d) -> OutputKernels:
    """Return both forms of the last convolution's weight."""
    assert conv.bias is not None
    return OutputKernels(conv.weight, phase_kernel(conv.weight), conv.bias)


def output_conv(small_NCHW: Tensor, kernels: OutputKernels, *, clips: int) -> Tensor:
    """Return tanh of the reflection-padded convolution of the images upsampled twice.

    Args:
        small_NCHW: images at half size, N = T * B with frames outermost.
        kernels: of `output_kernels`.
        clips: B.

    Returns:
        video (B, T, 3, 2 H, 2 W) in [-1, 1].
    """
    bias_of_phases = kernels.bias.repeat_interleave(4)
    if kernels.full.shape[-1] == 3:
        padded = replicate_border(small_NCHW)
        video_NCHW = F.pixel_shuffle(F.conv2d(padded, kernels.phases, bias_of_phases), 2)
    else:
        inside = F.conv2d(small_NCHW, kernels.phases, bias_of_phases, padding="same")
        video_NCHW = _with_exact_border(F.pixel_shuffle(inside, 2), small_NCHW, kernels)
    video_TBCHW = torch.unflatten(torch.tanh(video_NCHW), 0, (-1, clips))
    return video_TBCHW.transpose(0, 1).contiguous()


def _with_exact_border(video_NCHW: Tensor, small_NCHW: Tensor, kernels: OutputKernels) -> Tensor:
    """Return the video with its outermost pixels computed at full size.

    Reflection of the large image by more than one pixel is no padding of the small one, so the
    pixels whose kernel crosses the border get strips of their own.
    """
    reach = kernels.full.shape[-1] // 2
    H, W = video_NCHW.shape[-2:]
    top, bottom = _edge_convs(small_NCHW, kernels.full, kernels.bias)
    # On its side, so that the long direction is the fast one.
    turned = _edge_convs(small_NCHW.transpose(2, 3), kernels.full.transpose(2, 3), kernels.bias)
    left, right = (edge.transpose(2, 3)[:, :, reach : H - reach] for edge in turned)
    middle = video_NCHW[:, :, reach : H - reach, reach : W - reach]
    middle = torch.cat([left, middle, right], dim=3)
    return torch.cat([top, middle, bottom], dim=2)


def _edge_convs(small_NCHW: Tensor, weight_OIHW: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the convolution's first and last rows, as many as see beyond the border."""
    reach, rows = weight_OIHW.shape[-1] // 2, small_NCHW.shape[2]
    device = small_NCHW.device
    # What the first rows see: `reach` reflected pixels, themselves, `reach` further inside.
    seen = torch.cat([torch.arange(reach, 0, -1), torch.arange(2 * reach)]).to(device) // 2
    index = torch.cat([seen, rows - 1 - seen.flip(0)])
    edges = small_NCHW.index_select(2, index).repeat_interleave(2, dim=3)
    edges = F.pad(edges, (reach, reach, 0, 0), mode="reflect")
    first, last = edges.chunk(2, dim=2)
    both = F.conv2d(torch.cat([first, last]), weight_OIHW, bias)
    top, bottom = both.chunk(2)
    return top, bottom
