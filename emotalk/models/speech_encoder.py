"""Speech encoder: 25 feature vectors a second from the raw waveform."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.activation import leaky_relu
from emotalk.schema import SAMPLES_PER_FRAME, check_shape

KERNELS = (63, 31, 17, 9)
STRIDES = (4, 4, 2, 2)
STEPS_PER_FRAME = SAMPLES_PER_FRAME // prod(STRIDES)
CONTEXT = 17


class SpeechEncoder(nn.Module):
    """Convolutions over the waveform, then one fully connected layer over each frame's context.

    Four strided convolutions and a 1x1 one give `step_features` numbers 125 times a second. The
    context of a video frame is its own step and the 17 before and after it: a look-ahead of about
    180 ms.

    Args:
        features: size of a frame's vector.
        filters: of the four convolutions.
        step_features: size of a step's vector.

    Source: report 4.1.1; Eskimez et al. 2021. Where we differ: the context outside the signal is
    zero, not noise of deviation 0.002, so that equal speech gives equal features.
    """

    def __init__(
        self,
        *,
        features: int = 512,
        filters: Sequence[int] = (64, 128, 256, 512),
        step_features: int = 16,
    ) -> None:
        super().__init__()
        if len(filters) != len(KERNELS):
            raise ValueError(f"filters: got {tuple(filters)}, expected {len(KERNELS)} sizes")
        self.channels = (1, *filters)
        self.convs = nn.ModuleList(
            nn.Conv1d(before, after, kernel, stride)
            for before, after, kernel, stride in zip(
                self.channels[:-1], self.channels[1:], KERNELS, STRIDES, strict=True
            )
        )
        self.squeeze = nn.Conv1d(filters[-1], step_features, 1)
        self.fc = nn.Linear((2 * CONTEXT + 1) * step_features, features)

    def forward(self, speech_BS: Tensor) -> Tensor:
        """Return features (B, T, D), T = ceil(S / 320).

        Args:
            speech_BS: mono samples in [-1, 1] at 8 kHz, at least one frame of them.

        Raises:
            ValueError: the shape or type is wrong.
        """
        check_speech(speech_BS)
        h_BCS = speech_BS.unsqueeze(1)
        for conv, kernel in zip(self.convs, KERNELS, strict=True):
            reach = kernel // 2
            h_BCS = leaky_relu(conv(F.pad(h_BCS, (reach, reach), mode="reflect")))
        steps_BSD = self.squeezed(h_BCS)
        return self.contexts(F.pad(steps_BSD, (0, 0, CONTEXT, CONTEXT)))  # zeros outside the signal

    def squeezed(self, h_BCS: Tensor) -> Tensor:
        """Return the 125 Hz steps (B, steps, `step_features`) of the last convolution's output."""
        return leaky_relu(self.squeeze(h_BCS)).transpose(1, 2)

    def contexts(self, steps_BSD: Tensor) -> Tensor:
        """Return frame features (B, T, D) of steps with 17 steps of context at either end."""
        window_BTDK = steps_BSD.unfold(1, 2 * CONTEXT + 1, STEPS_PER_FRAME)
        return leaky_relu(self.fc(window_BTDK.transpose(2, 3).flatten(2)))


def check_speech(speech_BS: Tensor) -> int:
    """Return the number of video frames that `speech_BS` covers; raise ValueError if unfit."""
    samples = check_shape(speech_BS, "B S", "speech_BS")["S"]
    if not torch.is_floating_point(speech_BS):
        raise ValueError(f"speech_BS: got {speech_BS.dtype}, expected floating point in [-1, 1]")
    if samples < SAMPLES_PER_FRAME:
        raise ValueError(
            f"speech_BS: got {samples} samples, at least one frame of {SAMPLES_PER_FRAME} is needed"
        )
    return -(-samples // SAMPLES_PER_FRAME)
