"""Define the image encoder: a vector of the condition image and its features at every scale."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emotalk.models.activation import leaky_relu
from emotalk.models.deterministic_forms import pad
from emotalk.schema import SIZE

IMAGE_CHANNELS = 3
SMALLEST = 4  # pixels of the last scale, all of them in the last convolution's kernel
SCALES = (SIZE // SMALLEST).bit_length() - 1


class ImageFeatures(NamedTuple):
    """Hold features of the condition image for the decoder.

    Attributes:
        embedding_BD: the whole image as one vector.
        scales: features (B, filters + 3, H, W) from 64 x 64 down to 4 x 4; the last three
            channels are the image itself at that size.
    """

    embedding_BD: Tensor
    scales: tuple[Tensor, ...]


class ImageEncoder(nn.Module):
    """Stride-2 convolutions; each scale's output is concatenated with the image at that scale.

    Args:
        features: size of the embedding.
        filters: of the convolutions, from the largest scale to the smallest.

    Source: report 4.1.2; Eskimez et al. 2021. The report downsamples by nearest neighbour, the
    original by stride 2: both keep every second output.
    """

    def __init__(
        self, *, features: int = 512, filters: Sequence[int] = (64, 128, 256, 512, 512)
    ) -> None:
        super().__init__()
        check_filters(filters)
        channels = (0, *filters)
        self.convs = nn.ModuleList(
            nn.Conv2d(IMAGE_CHANNELS + before, after, 3, 2) for before, after in pairwise(channels)
        )
        self.embedding = nn.Conv2d(IMAGE_CHANNELS + filters[-1], features, SMALLEST)

    def forward(self, image_BCHW: Tensor) -> ImageFeatures:
        """Return the features of images in [-1, 1], 128 x 128."""
        image, h, scales = image_BCHW, image_BCHW, []
        for conv in self.convs:
            h = leaky_relu(conv(pad(h, (1, 1, 1, 1), "reflect")))
            image = image[:, :, ::2, ::2]
            h = torch.cat([h, image], dim=1)
            scales.append(h)
        embedding_BD = leaky_relu(self.embedding(h)).flatten(1)
        return ImageFeatures(embedding_BD, tuple(scales))


def check_filters(filters: Sequence[int]) -> None:
    """Raise ValueError unless there is one size for each scale from 64 x 64 to 4 x 4."""
    if len(filters) != SCALES or min(filters) < 1:
        raise ValueError(f"filters: got {tuple(filters)}, expected {SCALES} sizes >= 1")
