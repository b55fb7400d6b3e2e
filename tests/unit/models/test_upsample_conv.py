"""Fast and plain forms of convolutions after an upsampling are equal, up to the border."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emotalk.models.output_conv import output_conv, output_kernels, plain_output_conv
from emotalk.models.upsample_conv import (
    Padding,
    phase_kernel,
    plain_upsample_conv,
    upsample_conv,
    upsample_kernel,
)


@pytest.mark.parametrize(("H", "W"), [(2, 2), (4, 4), (5, 8)])
@pytest.mark.parametrize("padding", ["reflect", "constant"])
def test_transposed_form_equals_convolving_the_large_image(
    H: int, W: int, padding: Padding
) -> None:
    torch.manual_seed(0)
    small = torch.randn(2, 3, H, W, dtype=torch.float64)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    large = F.pad(F.interpolate(small, scale_factor=2), (1, 1, 1, 1), mode=padding)
    expected = F.conv2d(large, weight)
    fast = upsample_conv(small, upsample_kernel(weight), padding=padding)
    torch.testing.assert_close(fast, expected)
    torch.testing.assert_close(plain_upsample_conv(small, weight, padding=padding), expected)


@pytest.mark.parametrize("size", [3, 7])
def test_output_convolution_is_exact_to_the_border(size: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 3, size).double()
    small = torch.randn(6, 4, 9, 8, dtype=torch.float64)
    large = F.pad(F.interpolate(small, scale_factor=2), (size // 2,) * 4, mode="reflect")
    torch.testing.assert_close(output_conv(small, output_kernels(conv)), conv(large))
    assert conv.bias is not None
    torch.testing.assert_close(plain_output_conv(small, conv.weight, conv.bias), conv(large))


def test_kernels_without_a_phase_form_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel size: got 5, allowed are 3, 7"):
        phase_kernel(torch.zeros(3, 4, 5, 5))
