"""Define the temporal network that is fitted to a shard set's training clips."""

import torch
from torch import Tensor, nn

from emotalk.pretrained.landmark_net import convolution
from emotalk.schema import EMOTIONS, check_shape

SIDE = 64  # pixels of its pictures
FEATURES = 64 * 4 * 4  # of a frame
MIN_DEVIATION = 5.0  # of a picture's grey levels; limits the gain for a flat one


class FittedEmotionNet(nn.Module):
    """Four convolutions for each grey frame, then mean and variance over the frames, and a layer.

    Brightness and contrast of each frame are removed first. The mean tells how the face is held,
    the variance how it moves, both without the order of the frames. So a clip may have any length.
    The linear layer keeps the place of each feature.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, 16, kernel=5, stride=2),
            convolution(16, 32, stride=2),
            convolution(32, 64, stride=2),
            convolution(64, 64),
            nn.AvgPool2d(2),
        )
        self.dropout = nn.Dropout(0.3)
        self.classes = nn.Linear(2 * FEATURES, len(EMOTIONS))

    def forward(self, grey_BTHW: Tensor) -> Tensor:
        """Return the logits (B, 6) of clips, in the order of `schema.EMOTIONS`.

        Args:
            grey_BTHW: frames 64 x 64, float grey levels in [0, 255], T >= 1.
        """
        sizes = check_shape(grey_BTHW, f"B T {SIDE} {SIDE}", "fitted emotion net input")
        mean = grey_BTHW.mean((2, 3), keepdim=True)
        deviation = grey_BTHW.std((2, 3), keepdim=True).clamp_min(MIN_DEVIATION)
        frames_NCHW = ((grey_BTHW - mean) / deviation).flatten(0, 1)[:, None]
        seen_ND = self.features(frames_NCHW).flatten(1)
        seen_BTD = seen_ND.reshape(sizes["B"], sizes["T"], FEATURES)
        centre_BD = seen_BTD.mean(1)
        # the variance and not its root, whose gradient at 0, for a clip that stands still, is none
        spread_BD = (seen_BTD - centre_BD[:, None]).square().mean(1)
        logits: Tensor = self.classes(self.dropout(torch.cat([centre_BD, spread_BD], -1)))
        return logits
