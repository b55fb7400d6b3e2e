"""From one vector a frame to pictures: the U-Net's second half.

Everything that depends on the clip alone (the condition image, its features at every scale, the
biases) is computed once a clip and added, since a convolution over concatenated channels is the sum
of two convolutions. What follows an upsampling is computed before it (`upsample_conv`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.conv_lstm import CellActivation, ConvLstm, ConvLstmState
from emotalk.models.image_encoder import IMAGE_CHANNELS, SMALLEST, ImageFeatures, check_filters
from emotalk.models.output_conv import OutputKernels, output_conv, output_kernels
from emotalk.models.upsample_conv import (
    transposed_kernel,
    upsampled_conv_reflect,
    upsampled_conv_zero,
)

SLOPE = 0.2


class DecoderKernels(NamedTuple):
    """The weights in the forms the convolutions use; a pure function of the parameters.

    Attributes:
        conv_1: of the decoder's own channels of the first convolution.
        conv_2, conv_3, gates, conv_5: the same of those after an upsampling.
        recurrent: of the ConvLSTM's hidden image.
        output: of the last convolution.
    """

    conv_1: Tensor
    conv_2: Tensor
    conv_3: Tensor
    gates: Tensor
    recurrent: Tensor
    conv_5: Tensor
    output: OutputKernels


class ConditionMaps(NamedTuple):
    """What the condition image adds to every frame of its clip, biases included.

    Attributes:
        fc_BD: to the fully connected layer.
        conv_1_BCHW, conv_2_BCHW, conv_3_BCHW, gates_BCHW, conv_5_BCHW: to the convolutions.
    """

    fc_BD: Tensor
    conv_1_BCHW: Tensor
    conv_2_BCHW: Tensor
    conv_3_BCHW: Tensor
    gates_BCHW: Tensor
    conv_5_BCHW: Tensor


class Decoder(nn.Module):
    """FC to 4 x 4, then five stages of (beside the image's features: convolve, upsample), output.

    The fourth stage is a ConvLSTM, the only place where frames meet.

    Args:
        speech_features, noise_features, image_features, emotion_features: sizes of the vectors.
        filters: of the image encoder, mirrored here.
        output_filters: of the last convolution but one.
        output_kernel: size of the last convolution, 3 (report) or 7 (original).
        cell_activation: of the ConvLSTM.

    Source: report 4.1.5; Eskimez et al. 2021.
    """

    def __init__(
        self,
        *,
        speech_features: int,
        noise_features: int,
        image_features: int,
        emotion_features: int,
        filters: Sequence[int],
        output_filters: int,
        output_kernel: int,
        cell_activation: CellActivation,
    ) -> None:
        super().__init__()
        check_filters(filters)
        if output_kernel not in (3, 7):
            raise ValueError(f"output_kernel: got {output_kernel}, allowed are 3, 7")
        self.vector_sizes = (speech_features, noise_features, image_features, emotion_features)
        self.filters = tuple(filters)
        inputs = [2 * size + IMAGE_CHANNELS for size in filters]
        self.fc = nn.Linear(sum(self.vector_sizes), filters[4] * SMALLEST**2)
        self.conv_1 = nn.Conv2d(inputs[4], filters[3], 3)
        self.conv_2 = nn.Conv2d(inputs[3], filters[2], 3)
        self.conv_3 = nn.Conv2d(inputs[2], filters[1], 3)
        self.conv_lstm = ConvLstm(inputs[1], filters[0], cell_activation=cell_activation)
        self.conv_5 = nn.Conv2d(inputs[0], output_filters, 3)
        self.output = nn.Conv2d(output_filters, IMAGE_CHANNELS, output_kernel)

    def kernels(self) -> DecoderKernels:
        """Return the kernels of the present weights, differentiable to them."""
        own = self.filters
        lstm = self.conv_lstm
        conv_1 = self.conv_1.weight[:, : own[4]]
        return DecoderKernels(
            conv_1=conv_1.contiguous(memory_format=torch.channels_last),
            conv_2=transposed_kernel(self.conv_2.weight[:, : own[3]]),
            conv_3=transposed_kernel(self.conv_3.weight[:, : own[2]]),
            gates=transposed_kernel(lstm.gates_first(lstm.weight_ih[:, : own[1]])),
            recurrent=lstm.gates_first(lstm.weight_hh).contiguous(
                memory_format=torch.channels_last
            ),
            conv_5=transposed_kernel(self.conv_5.weight[:, : own[0]]),
            output=output_kernels(self.output),
        )

    def condition(self, image: ImageFeatures) -> ConditionMaps:
        """Return what the condition image adds, from its features."""
        first, second, third, fourth, fifth = reversed(image.scales)
        speech, noise, features, _ = self.vector_sizes
        weight = self.fc.weight[:, speech + noise : speech + noise + features]
        lstm = self.conv_lstm
        bias = lstm.bias_ih + lstm.bias_hh
        gates = F.conv2d(fourth, lstm.weight_ih[:, self.filters[1] :], bias, padding=1)
        return ConditionMaps(
            fc_BD=F.linear(image.embedding_BD, weight, self.fc.bias),
            conv_1_BCHW=self._image_part(self.conv_1, first, self.filters[4]),
            conv_2_BCHW=self._image_part(self.conv_2, second, self.filters[3]),
            conv_3_BCHW=self._image_part(self.conv_3, third, self.filters[2]),
            gates_BCHW=lstm.gates_first(gates.transpose(0, 1)).transpose(0, 1),
            conv_5_BCHW=self._image_part(self.conv_5, fifth, self.filters[0]),
        )

    def vectors(
        self, speech_BTD: Tensor, noise_BTD: Tensor, emotion_BTD: Tensor, maps: ConditionMaps
    ) -> Tensor:
        """Return the 4 x 4 beginnings of frames (T, B, D), D = filters * 16.

        `emotion_BTD` may have one frame that stands for all.
        """
        weight_speech, weight_noise, _, weight_emotion = torch.split(
            self.fc.weight, list(self.vector_sizes), dim=1
        )
        clip_B1D = F.linear(emotion_BTD, weight_emotion) + maps.fc_BD.unsqueeze(1)
        h_BTD = F.linear(speech_BTD, weight_speech) + F.linear(noise_BTD, weight_noise) + clip_B1D
        return F.leaky_relu(h_BTD.transpose(0, 1), SLOPE)

    def forward(
        self,
        h_TBD: Tensor,
        maps: ConditionMaps,
        kernels: DecoderKernels,
        state: ConvLstmState,
    ) -> tuple[Tensor, ConvLstmState]:
        """Return frames (B, T, 3, 128, 128) in [-1, 1] and the state after the last.

        Args:
            h_TBD: the frames' beginnings, of `vectors`.
            maps: of `condition`.
            kernels: of `kernels`.
            state: of the ConvLSTM after the frame before.
        """
        T, B = h_TBD.shape[:2]
        h = h_TBD.reshape(T * B, self.filters[4], SMALLEST, SMALLEST)
        h = h.contiguous(memory_format=torch.channels_last)
        h = F.conv2d(F.pad(h, (1, 1, 1, 1), mode="reflect"), kernels.conv_1)
        h = _activated(h, maps.conv_1_BCHW)
        h = _activated(upsampled_conv_reflect(h, kernels.conv_2), maps.conv_2_BCHW)
        h = _activated(upsampled_conv_reflect(h, kernels.conv_3), maps.conv_3_BCHW)
        gates = torch.unflatten(upsampled_conv_zero(h, kernels.gates), 0, (T, B)) + maps.gates_BCHW
        h, state = self.conv_lstm(gates, kernels.recurrent, state)
        h = _activated(upsampled_conv_reflect(h, kernels.conv_5), maps.conv_5_BCHW)
        return output_conv(h, kernels.output, clips=B), state

    def first_state(self, maps: ConditionMaps) -> ConvLstmState:
        """Return the ConvLSTM's state before the first frame."""
        return self.conv_lstm.zero_state(maps.gates_BCHW, maps.gates_BCHW.shape[0])

    @staticmethod
    def _image_part(conv: nn.Conv2d, features: Tensor, own: int) -> Tensor:
        padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
        part = F.conv2d(padded, conv.weight[:, own:], conv.bias)
        return part.contiguous(memory_format=torch.channels_last)


def _activated(h_NCHW: Tensor, part_BCHW: Tensor) -> Tensor:
    """Return the activation of a convolution's own part plus its clip's part."""
    h_TBCHW = torch.unflatten(h_NCHW, 0, (-1, part_BCHW.shape[0])) + part_BCHW
    return F.leaky_relu(h_TBCHW, SLOPE).flatten(0, 1)
