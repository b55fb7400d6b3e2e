"""Define the speech encoder: 25 feature vectors a second from the raw waveform."""

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.activation import leaky_relu
from emotalk.models.deterministic_forms import pad
from emotalk.schema import SAMPLES_PER_FRAME, check_shape

KERNELS = (63, 31, 17, 9)
STRIDES = (4, 4, 2, 2)
STEPS_PER_FRAME = SAMPLES_PER_FRAME // prod(STRIDES)
CONTEXT = 17
FirstActivation = Literal["leaky_relu", "log_power"]
QUIET = 1e-4  # power below which sound counts as silence: 40 dB under a full-scale tone
LOG_MEAN, LOG_SCALE = -5.0, 3.0  # bring the logarithms of speech to about [-1.5, 2]


class SpeechEncoder(nn.Module):
    """Convolutions over the waveform, then one fully connected layer over each frame's context.

    Four strided convolutions and a 1x1 one give `step_features` numbers 125 times a second. The
    context of a video frame is its own step and the 17 before and after it: a look-ahead of about
    180 ms.

    Args:
        features: size of a frame's vector.
        filters: of the four convolutions.
        step_features: size of a step's vector.
        first_activation: after the first convolution: leaky_relu (report), or log_power (ours), the
            logarithm of the summed squares of two filters. Then that convolution has twice as many
            filters. Loudness on a logarithmic scale shows consonants that are a hundredth of a
            vowel's power (`configs/README.md` has the figures).

    Source: report 4.1.1; Eskimez et al. 2021. Where we differ: the context outside the signal is
    zero, not noise of deviation 0.002, so that equal speech gives equal features.
    """

    def __init__(
        self,
        *,
        features: int = 512,
        filters: Sequence[int] = (64, 128, 256, 512),
        step_features: int = 16,
        first_activation: FirstActivation = "leaky_relu",
    ) -> None:
        super().__init__()
        if len(filters) != len(KERNELS):
            raise ValueError(f"filters: got {tuple(filters)}, expected {len(KERNELS)} sizes")
        self.first_activation = first_activation
        self.channels = (1, *filters)
        outputs = [filters[0] * (2 if first_activation == "log_power" else 1), *filters[1:]]
        self.convs = nn.ModuleList(
            nn.Conv1d(before, after, kernel, stride)
            for before, after, kernel, stride in zip(
                self.channels[:-1], outputs, KERNELS, STRIDES, strict=True
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
        for number, kernel in enumerate(KERNELS):
            reach = kernel // 2
            h_BCS = self.convolve(number, pad(h_BCS, (reach, reach), "reflect"))
        steps_BSD = self.squeezed(h_BCS)
        return self.contexts(F.pad(steps_BSD, (0, 0, CONTEXT, CONTEXT)))  # zeros outside the signal

    def convolve(self, number: int, h_BCS: Tensor) -> Tensor:
        """Return the output of one convolution and its activation, without padding."""
        h_BCS = self.convs[number](h_BCS)
        if number == 0 and self.first_activation == "log_power":
            power_BCS = h_BCS[:, 0::2].square() + h_BCS[:, 1::2].square()
            return (torch.log(power_BCS + QUIET) - LOG_MEAN) / LOG_SCALE
        return leaky_relu(h_BCS)

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
