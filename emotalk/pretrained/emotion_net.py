"""Define the network that classifies the emotion of an aligned crop."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.pretrained.landmark_net import convolution
from emotalk.schema import EMOTIONS, SIZE, check_shape

LUMA = (0.299, 0.587, 0.114)
MIN_DEVIATION = 0.02  # of a crop's grey levels; limits the gain for a flat crop


class EmotionNet(nn.Module):
    """Four convolutions over a normalised grey 64 x 64 picture, and one linear layer.

    Colour, brightness, contrast and half of the resolution are removed first, so that the network
    learns the shapes of brows, lids and mouth. The linear layer keeps the place of each feature.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, 24, kernel=5, stride=2),
            convolution(24, 48, stride=2),
            convolution(48, 96, stride=2),
            convolution(96, 96),
            nn.AvgPool2d(2),
        )
        self.dropout = nn.Dropout(0.4)
        self.classes = nn.Linear(96 * 4 * 4, len(EMOTIONS))

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """Return the logits (N, 6) of the emotions, in the order of `schema.EMOTIONS`.

        Args:
            images_NCHW: aligned crops 128 x 128, float RGB in [0, 1].
        """
        check_shape(images_NCHW, f"N 3 {SIZE} {SIZE}", "emotion net input")
        features = self.features(normalised_grey(images_NCHW))
        logits: Tensor = self.classes(self.dropout(features.flatten(1)))
        return logits


def normalised_grey(images_NCHW: Tensor) -> Tensor:
    """Return grey pictures (N, 1, 64, 64) of mean 0 and standard deviation 1."""
    luma = torch.tensor(LUMA, dtype=images_NCHW.dtype, device=images_NCHW.device)
    grey = F.avg_pool2d((images_NCHW * luma[:, None, None]).sum(1, keepdim=True), 2)
    mean = grey.mean((2, 3), keepdim=True)
    deviation = grey.std((2, 3), keepdim=True).clamp_min(MIN_DEVIATION)
    return (grey - mean) / deviation
