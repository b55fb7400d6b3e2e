"""Define the trunk of all discriminators: stride-2 convolutions of single frames."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from emotalk.models.discriminators.double_backward import Conv2d, LeakyReLU, conv2d
from emotalk.schema import check_shape

CHANNELS = (64, 128, 256, 512, 512)


class FrameTrunk(nn.Module):
    """Convolutions `conv_1`, `conv_2`, ... with kernel 3, stride 2, zero padding, leaky ReLU.

    Args:
        in_channels: 3 for frames alone, 6 for frames with a condition image.
        channels: filters of each convolution; each one halves the size.
        slope: of the leaky ReLU; 0.3 in the original.
        size: height and width of a frame in pixels.

    Source: Eskimez et al. 2021; padding, kernel and stride as there.
    """

    def __init__(
        self, *, in_channels: int, channels: Sequence[int], slope: float, size: int
    ) -> None:
        super().__init__()
        check_positive(size=size, in_channels=in_channels)
        if not channels or min(channels) < 1:
            raise ValueError(f"channels: got {tuple(channels)}, allowed are one or more sizes >= 1")
        self.in_channels, self.size, self.depth = in_channels, size, len(channels)
        for number, (before, after) in enumerate(
            zip((in_channels, *channels[:-1]), channels, strict=True), start=1
        ):
            stage = nn.Sequential(Conv2d(before, after), LeakyReLU(slope))
            self.add_module(f"conv_{number}", stage)
        side = -(-size // 2**self.depth)
        self.trunk_features = channels[-1] * side * side

    def trunk(self, video_BTCHW: Tensor) -> Tensor:
        """Return flat features (B, T, `trunk_features`) of every frame."""
        B, T = self._check_video(video_BTCHW, channels=self.in_channels)
        h_NCHW = video_BTCHW.flatten(0, 1)
        return self._stages(h_NCHW, first=1).reshape(B, T, self.trunk_features)

    def conditioned_trunk(self, video_BTCHW: Tensor, image_BCHW: Tensor) -> Tensor:
        """Return features (B, T, `trunk_features`) of frames concatenated with the image.

        A convolution over concatenated channels is the sum of two convolutions, so the image's part
        is computed once a clip.
        """
        B, T = self._check_video(video_BTCHW, channels=3)
        check_shape(image_BCHW, f"{B} {self.in_channels - 3} {self.size} {self.size}", "image_BCHW")
        conv, activation = self._stage(1)
        image_h = conv2d(image_BCHW, conv.weight[:, 3:], conv.bias)
        frame_h = conv2d(video_BTCHW.flatten(0, 1), conv.weight[:, :3])
        h_BTCHW = frame_h.view(B, T, *frame_h.shape[1:]) + image_h.unsqueeze(1)
        h_NCHW = self._stages(activation(h_BTCHW.flatten(0, 1)), first=2)
        return h_NCHW.reshape(B, T, self.trunk_features)

    def _stage(self, number: int) -> tuple[Conv2d, LeakyReLU]:
        stage = cast(nn.Sequential, self.get_submodule(f"conv_{number}"))
        return cast(Conv2d, stage[0]), cast(LeakyReLU, stage[1])

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


def check_positive(**sizes: int) -> None:
    """Raise ValueError naming the first of the sizes that is below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: got {size}, allowed are whole numbers >= 1")
