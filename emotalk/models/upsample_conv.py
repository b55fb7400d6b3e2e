"""Convolve an image after nearest-neighbour upsampling, in its plain and in its fast form.

Upsampling by two repeats every pixel four times, so a k x k kernel multiplies most pixels by sums
of its weights. The fast form adds these weights first and reads the small image: for k = 3 it needs
4/9 of the multiplications. It has two layouts:

* a transposed convolution of stride 2 with a (k + 1) x (k + 1) kernel, the weights summed over
  2 x 2 boxes: the faster one for many channels;
* a convolution with four times the output channels, then a pixel shuffle: for few channels.

Reflection padding 1 of the large image is replicate padding 1 of the small one, and zero padding 1
is zero padding 1. For larger kernels no padding of the small image is exact at the border.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.models.deterministic_forms import pad, pad_by_slices
from emotalk.models.fast_forms import takes_fast_form

Padding = Literal["reflect", "constant"]


def plain_upsample_conv(small_NCHW: Tensor, weight_OIHW: Tensor, *, padding: Padding) -> Tensor:
    """Return the 3 x 3 convolution of the image upsampled by two, as it is usually written."""
    large_NCHW = F.interpolate(small_NCHW, scale_factor=2, mode="nearest")
    return F.conv2d(pad(large_NCHW, (1, 1, 1, 1), padding), weight_OIHW)


def upsample_conv(small_NCHW: Tensor, kernel: Tensor, *, padding: Padding) -> Tensor:
    """Return the 3 x 3 convolution of the image upsampled by two.

    Args:
        small_NCHW: the images before the upsampling.
        kernel: `upsample_kernel` of the weight.
        padding: of the large image; `constant` is zero.
    """
    if not takes_fast_form(small_NCHW):
        return plain_upsample_conv(small_NCHW, kernel, padding=padding)
    if padding == "constant":
        return F.conv_transpose2d(small_NCHW, kernel, stride=2, padding=1)
    return F.conv_transpose2d(replicate_border(small_NCHW), kernel, stride=2, padding=3)


def upsample_kernel(weight_OIHW: Tensor) -> Tensor:
    """Return the weight in the layout of `upsample_conv`: (I, O, 4, 4) in the fast form."""
    if not takes_fast_form(weight_OIHW):
        return weight_OIHW.contiguous(memory_format=torch.channels_last)
    kernel = _box_sums(weight_OIHW).flip(2, 3).transpose(0, 1)
    return kernel.contiguous(memory_format=torch.channels_last)


def phase_kernel(weight_OIHW: Tensor) -> Tensor:
    """Return the (4 O, I, r + 2, r + 2) kernel of the small convolution, k = 2 r + 1, r odd.

    Its outputs, pixel-shuffled by two, are those of the k x k kernel on the upsampled image.
    """
    if weight_OIHW.shape[-1] % 4 != 3:
        raise ValueError(f"kernel size: got {weight_OIHW.shape[-1]}, allowed are 3, 7, 11, ...")
    sums = _box_sums(weight_OIHW)
    # Phase a takes every second sum; an even pixel reaches one small pixel further back than ahead.
    phases = [F.pad(sums[:, :, a::2, b::2], (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
    kernel = torch.stack(phases, dim=1).flatten(0, 1)
    return kernel.contiguous(memory_format=torch.channels_last)


def replicate_border(images_NCHW: Tensor) -> Tensor:
    """Return the images with their outermost pixels repeated once on every side."""
    if torch.compiler.is_compiling():
        # Inductor wrongly takes the gradient of PyTorch's own padding for contiguous.
        return pad_by_slices(images_NCHW, (1, 1, 1, 1), "replicate")
    return pad(images_NCHW, (1, 1, 1, 1), "replicate")


def _box_sums(weight_OIHW: Tensor) -> Tensor:
    """Return the kernel summed over 2 x 2 boxes, one weight larger in both directions."""
    rows = F.pad(weight_OIHW, (0, 0, 0, 1)) + F.pad(weight_OIHW, (0, 0, 1, 0))
    return F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))
