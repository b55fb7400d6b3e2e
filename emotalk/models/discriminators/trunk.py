"""What all discriminators begin with: stride-2 convolutions over single frames."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.schema import check_shape

CHANNELS = (64, 128, 256, 512, 512)


class _LeakySlope(torch.autograd.Function):
    """Leaky ReLU that knows its second derivative is zero.

    Autograd's own treats the sign of the input as something to differentiate: a gradient penalty
    then drives tensors of zeros back through every convolution. Here the sign is a constant, which
    is the same mathematics at two thirds of the penalty's cost.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        y = F.leaky_relu(x, slope)
        ctx.save_for_backward(y)
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors  # of the same sign as x, as the slope is positive
        return torch.ops.aten.leaky_relu_backward(grads[0], y.detach(), ctx.slope, False), None


class LeakyReLU(nn.Module):
    """Leaky ReLU, cheap to differentiate twice."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        if not 0 < slope < 1:
            raise ValueError(f"slope: got {slope}, allowed is 0 < slope < 1")
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Return x where it is positive, slope * x elsewhere."""
        y: Tensor = _LeakySlope.apply(x, self.slope)  # type: ignore[no-untyped-call]
        return y

    def extra_repr(self) -> str:
        """Return the slope for the module's printed form."""
        return f"slope={self.slope}"


class FrameTrunk(nn.Module):
    """Convolutions `conv_1`, `conv_2`, ... with kernel 3, stride 2, zero padding, leaky ReLU.

    Args:
        in_channels: 3 for frames alone, 6 for frames beside a condition image.
        channels: filters of each convolution; their number halves the size as often.
        slope: of the leaky ReLU.
        size: height and width of a frame in pixels.

    Source: Eskimez et al. 2021; padding, kernel and stride as there.
    """

    def __init__(
        self, *, in_channels: int, channels: Sequence[int], slope: float, size: int
    ) -> None:
        super().__init__()
        positive(size=size, in_channels=in_channels)
        if not channels or min(channels) < 1:
            raise ValueError(f"channels: got {tuple(channels)}, allowed are one or more sizes >= 1")
        self.in_channels, self.size, self.depth = in_channels, size, len(channels)
        for number, (before, after) in enumerate(
            zip((in_channels, *channels[:-1]), channels, strict=True), start=1
        ):
            conv = nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1)
            self.add_module(f"conv_{number}", nn.Sequential(conv, LeakyReLU(slope)))
        side = -(-size // 2**self.depth)
        self.trunk_features = channels[-1] * side * side

    def trunk(self, video_BTCHW: Tensor) -> Tensor:
        """Return flat features (B, T, `trunk_features`) of every frame."""
        B, T = self._check_video(video_BTCHW, channels=self.in_channels)
        h_NCHW = video_BTCHW.flatten(0, 1)
        return self._stages(h_NCHW, first=1).reshape(B, T, self.trunk_features)

    def conditioned_trunk(self, video_BTCHW: Tensor, image_BCHW: Tensor) -> Tensor:
        """Return features as `trunk` would of each frame with the image's channels behind its own.

        A convolution over concatenated channels is the sum of two convolutions, so the image's
        share is computed once a clip and nothing is repeated or copied.
        """
        B, T = self._check_video(video_BTCHW, channels=3)
        check_shape(image_BCHW, f"{B} {self.in_channels - 3} {self.size} {self.size}", "image_BCHW")
        conv, activation = self._stage(1)
        image_h = F.conv2d(image_BCHW, conv.weight[:, 3:], conv.bias, stride=2, padding=1)
        frame_h = F.conv2d(video_BTCHW.flatten(0, 1), conv.weight[:, :3], stride=2, padding=1)
        h_BTCHW = frame_h.view(B, T, *frame_h.shape[1:]) + image_h.unsqueeze(1)
        h_NCHW = self._stages(activation(h_BTCHW.flatten(0, 1)), first=2)
        return h_NCHW.reshape(B, T, self.trunk_features)

    def _stage(self, number: int) -> tuple[nn.Conv2d, LeakyReLU]:
        stage = cast(nn.Sequential, self.get_submodule(f"conv_{number}"))
        return cast(nn.Conv2d, stage[0]), cast(LeakyReLU, stage[1])

    def _stages(self, h_NCHW: Tensor, *, first: int) -> Tensor:
        for number in range(first, self.depth + 1):
            h_NCHW = self.get_submodule(f"conv_{number}")(h_NCHW)
        return h_NCHW

    def _check_video(self, video_BTCHW: Tensor, *, channels: int) -> tuple[int, int]:
        if not video_BTCHW.is_floating_point():
            raise ValueError(
                f"video_BTCHW: got {video_BTCHW.dtype}, expected floating point in [-1, 1]"
            )
        sizes = check_shape(video_BTCHW, f"B T {channels} {self.size} {self.size}", "video_BTCHW")
        if sizes["T"] < 1:
            raise ValueError("video_BTCHW: got 0 frames, at least 1 is needed")
        return sizes["B"], sizes["T"]


def positive(**sizes: int) -> None:
    """Raise ValueError naming the first of the sizes that is below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: got {size}, allowed are whole numbers >= 1")
