"""Define the network that detects the 68 landmarks of an aligned crop."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.schema import LANDMARKS, SIZE, check_shape

CELL = 4  # side of a heat map's cell in pixels of the crop
CELLS = SIZE // CELL


class LandmarkNet(nn.Module):
    """Hourglass network with a soft-argmax over heat maps of 32 x 32 cells.

    Seven convolutions lead down to 8 x 8, where the receptive field covers the whole face, and up
    again with skip connections. A landmark is the mean of the cells' centres under the softmax of
    its heat map. This is finer than a cell, and differentiable.

    Source: Sun, Xiao, Wei, Liang, Wei 2018, Integral Human Pose Regression (the soft-argmax).
    """

    def __init__(self) -> None:
        super().__init__()
        self.to64 = convolution(3, 16, kernel=5, stride=2)
        self.to32 = convolution(16, 32, stride=2)
        self.to16 = convolution(32, 64, stride=2)
        self.to8 = convolution(64, 96, stride=2)
        self.whole = convolution(96, 96)
        self.up16 = nn.Conv2d(96, 64, 1)
        self.at16 = convolution(64, 64)
        self.up32 = nn.Conv2d(64, 32, 1)
        self.at32 = convolution(32, 32)
        self.heat = nn.Conv2d(32, LANDMARKS, 1)
        centres = torch.arange(CELLS) * float(CELL) + (CELL - 1) / 2
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """Return the landmarks (N, 68, 2) in pixels, x before y.

        Args:
            images_NCHW: aligned crops 128 x 128, float RGB in [0, 1].
        """
        check_shape(images_NCHW, f"N 3 {SIZE} {SIZE}", "landmark net input")
        at32 = self.to32(self.to64(images_NCHW * 2 - 1))
        at16 = self.to16(at32)
        at8 = self.whole(self.to8(at16))
        at16 = self.at16(at16 + _upsample(self.up16(at8)))
        at32 = self.at32(at32 + _upsample(self.up32(at16)))
        share_NLHW = self.heat(at32).flatten(2).softmax(-1).unflatten(-1, (CELLS, CELLS))
        centres = self.get_buffer("centres")
        x_NL = share_NLHW.sum(2) @ centres
        y_NL = share_NLHW.sum(3) @ centres
        return torch.stack([x_NL, y_NL], -1)


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a block of convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _upsample(images_NCHW: Tensor) -> Tensor:
    return F.interpolate(images_NCHW, scale_factor=2, mode="bilinear", align_corners=False)
