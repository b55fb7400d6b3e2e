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


class StageKernels(NamedTuple):
    """One convolution's weight, split by what it meets.

    Attributes:
        own: for the decoder's own channels, in the form its convolution uses.
        image: for the condition image's features.
        bias: of both together.
    """

    own: Tensor
    image: Tensor
    bias: Tensor | None


class DecoderKernels(NamedTuple):
    """The weights in the forms the layers use; a pure function of the parameters.

    Attributes:
        fc_speech, fc_noise, fc_image, fc_emotion: the fully connected layer's, by vector.
        conv_1, conv_2, conv_3, gates, conv_5: of the stages; all but the first follow an
            upsampling.
        recurrent: of the ConvLSTM's hidden image.
        output: of the last convolution.
    """

    fc_speech: Tensor
    fc_noise: Tensor
    fc_image: Tensor
    fc_emotion: Tensor
    conv_1: StageKernels
    conv_2: StageKernels
    conv_3: StageKernels
    gates: StageKernels
    recurrent: Tensor
    conv_5: StageKernels
    output: OutputKernels


class ConditionMaps(NamedTuple):
    """Terms that the condition image adds to every frame of its clip, biases included.

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
        fc_speech, fc_noise, fc_image, fc_emotion = torch.split(
            self.fc.weight, list(self.vector_sizes), dim=1
        )
        lstm = self.conv_lstm
        gates = lstm.gates_first(lstm.weight_ih)
        first = _split(self.conv_1.weight, self.conv_1.bias)
        return DecoderKernels(
            fc_speech=fc_speech,
            fc_noise=fc_noise,
            fc_image=fc_image,
            fc_emotion=fc_emotion,
            conv_1=first._replace(own=first.own.contiguous(memory_format=torch.channels_last)),
            conv_2=_before_upsampling(self.conv_2.weight, self.conv_2.bias),
            conv_3=_before_upsampling(self.conv_3.weight, self.conv_3.bias),
            gates=_before_upsampling(gates, lstm.gates_first(lstm.bias_ih + lstm.bias_hh)),
            recurrent=lstm.gates_first(lstm.weight_hh).contiguous(
                memory_format=torch.channels_last
            ),
            conv_5=_before_upsampling(self.conv_5.weight, self.conv_5.bias),
            output=output_kernels(self.output),
        )

    def condition(self, image: ImageFeatures, kernels: DecoderKernels) -> ConditionMaps:
        """Return what the condition image adds, from its features."""
        first, second, third, fourth, fifth = reversed(image.scales)
        return ConditionMaps(
            fc_BD=F.linear(image.embedding_BD, kernels.fc_image, self.fc.bias),
            conv_1_BCHW=_image_part(first, kernels.conv_1, "reflect"),
            conv_2_BCHW=_image_part(second, kernels.conv_2, "reflect"),
            conv_3_BCHW=_image_part(third, kernels.conv_3, "reflect"),
            gates_BCHW=_image_part(fourth, kernels.gates, "constant"),
            conv_5_BCHW=_image_part(fifth, kernels.conv_5, "reflect"),
        )

    def vectors(
        self,
        speech_BTD: Tensor,
        noise_BTD: Tensor,
        emotion_BTD: Tensor,
        maps: ConditionMaps,
        kernels: DecoderKernels,
    ) -> Tensor:
        """Return the 4 x 4 beginnings of frames (T, B, D), D = filters * 16.

        `emotion_BTD` may have one frame that stands for all.
        """
        clip_BTD = F.linear(emotion_BTD, kernels.fc_emotion) + maps.fc_BD.unsqueeze(1)
        own_BTD = F.linear(speech_BTD, kernels.fc_speech) + F.linear(noise_BTD, kernels.fc_noise)
        return F.leaky_relu((own_BTD + clip_BTD).transpose(0, 1), SLOPE)

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
        h = F.conv2d(F.pad(h, (1, 1, 1, 1), mode="reflect"), kernels.conv_1.own)
        h = _activated(h, maps.conv_1_BCHW)
        h = _activated(upsampled_conv_reflect(h, kernels.conv_2.own), maps.conv_2_BCHW)
        h = _activated(upsampled_conv_reflect(h, kernels.conv_3.own), maps.conv_3_BCHW)
        gates = torch.unflatten(upsampled_conv_zero(h, kernels.gates.own), 0, (T, B))
        h, state = self.conv_lstm(gates, maps.gates_BCHW, kernels.recurrent, state)
        h = _activated(upsampled_conv_reflect(h, kernels.conv_5.own), maps.conv_5_BCHW)
        return output_conv(h, kernels.output, clips=B), state

    def first_state(self, maps: ConditionMaps) -> ConvLstmState:
        """Return the ConvLSTM's state before the first frame."""
        return self.conv_lstm.zero_state(maps.gates_BCHW, maps.gates_BCHW.shape[0])


def _split(weight_OIHW: Tensor, bias: Tensor | None) -> StageKernels:
    """Return a stage's weight split into the decoder's own channels and the image's features."""
    own = (weight_OIHW.shape[1] - IMAGE_CHANNELS) // 2
    parts = torch.split(weight_OIHW, [own, own + IMAGE_CHANNELS], dim=1)
    return StageKernels(parts[0], parts[1], bias)


def _before_upsampling(weight_OIHW: Tensor, bias: Tensor | None) -> StageKernels:
    """Return a stage's weight, split, its own part in the form for before the upsampling."""
    parts = _split(weight_OIHW, bias)
    return parts._replace(own=transposed_kernel(parts.own))


def _image_part(features_BCHW: Tensor, kernels: StageKernels, padding: str) -> Tensor:
    """Return what the image's features add to a stage's convolution."""
    padded = F.pad(features_BCHW, (1, 1, 1, 1), mode=padding)
    part = F.conv2d(padded, kernels.image, kernels.bias)
    return part.contiguous(memory_format=torch.channels_last)


def _activated(h_NCHW: Tensor, part_BCHW: Tensor) -> Tensor:
    """Return the activation of a convolution's own part plus its clip's part.

    Written over `h_NCHW`, a convolution's fresh output that nobody else needs.
    """
    h_TBCHW = torch.unflatten(h_NCHW, 0, (-1, part_BCHW.shape[0])).add_(part_BCHW)
    return F.leaky_relu_(h_TBCHW, SLOPE).flatten(0, 1)
