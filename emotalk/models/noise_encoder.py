"""Define the noise encoder: an LSTM that makes the noise of each frame smooth over time."""

import numpy as np
import torch
from torch import Tensor, nn

from emotalk.seeding import numpy_generator

LstmState = tuple[Tensor, Tensor]


class NoiseEncoder(nn.Module):
    """Encode one normal vector a frame by one LSTM layer.

    Args:
        features: size of the noise vector and of the LSTM.

    Source: report 4.1.3; Eskimez et al. 2021.
    """

    def __init__(self, *, features: int = 128) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, features, batch_first=True)

    def forward(
        self, noise_BTD: Tensor, state: LstmState | None = None
    ) -> tuple[Tensor, LstmState]:
        """Return encoded noise (B, T, D) and the state after its last frame."""
        h_BTD, after = self.lstm(noise_BTD, state)
        return h_BTD, after


def frame_noise(seed: int, *, clip: str, first: int, frames: int, features: int) -> Tensor:
    """Return N(0, 1) noise (1, frames, features) of a clip's frames from number `first` on.

    A frame's noise depends on its number alone, whether frames are drawn at once or in chunks.
    """
    draws = [
        numpy_generator(seed, "frame-noise", clip, number).standard_normal(features, np.float32)
        for number in range(first, first + frames)
    ]
    return torch.from_numpy(np.stack(draws)).unsqueeze(0)
