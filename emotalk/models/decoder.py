"""Decode the feature vectors of each frame to pictures: the second half of the U-Net.

| stage | layer                | filters | kernel | size in   | size out  | activation |
| ----- | -------------------- | ------- | ------ | --------- | --------- | ---------- |
|       | `fc` of all vectors  | 512     |        |           | 4 x 4     | leaky ReLU |
| 1     | `conv_1`             | 512     | 3      | 4 x 4     | 8 x 8     | leaky ReLU |
| 2     | `conv_2`             | 256     | 3      | 8 x 8     | 16 x 16   | leaky ReLU |
| 3     | `conv_3`             | 128     | 3      | 16 x 16   | 32 x 32   | leaky ReLU |
| 4     | `conv_lstm`          | 64      | 3      | 32 x 32   | 64 x 64   | its gates' |
| 5     | `conv_5`             | 32      | 3      | 64 x 64   | 128 x 128 | leaky ReLU |
| 6     | `output`             | 3       | 3 or 7 | 128 x 128 | 128 x 128 | tanh       |

Stages 1 to 5 concatenate the image encoder's features of their input's size, convolve, and upsample
by two (nearest neighbour). In the code each upsampling is part of the next stage's convolution
(`upsample_conv`, `output_conv`). A convolution over concatenated channels is the sum of two
convolutions, so that of the image's features is computed once a clip and added to every frame.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models.activation import SLOPE, leaky_relu
from emotalk.models.conv_lstm import ConvLstm, ConvLstmState
from emotalk.models.conv_lstm_unroll import CellActivation
from emotalk.models.deterministic_forms import pad
from emotalk.models.image_encoder import IMAGE_CHANNELS, SMALLEST, ImageFeatures, check_filters
from emotalk.models.output_conv import OutputKernels, output_conv, output_kernels
from emotalk.models.upsample_conv import Padding, upsample_conv, upsample_kernel


class StageKernels(NamedTuple):
    """Hold the weight of one stage's convolution, split by its input channels.

    Attributes:
        own: for the decoder's own channels, in the layout of its convolution.
        image: for the condition image's features.
        bias: of the whole convolution.
    """

    own: Tensor
    image: Tensor
    bias: Tensor | None


class DecoderKernels(NamedTuple):
    """Hold weights in the layouts that the operations take, a function of the parameters alone.

    Attributes:
        fc: of the fully connected layer, for speech, noise, image and emotion.
        conv_1, conv_2, conv_3, gates, conv_5: of the stages; `gates` is the ConvLSTM's input.
        recurrent: of the ConvLSTM's hidden image.
        output: of the last convolution.
    """

    fc: tuple[Tensor, ...]
    conv_1: StageKernels
    conv_2: StageKernels
    conv_3: StageKernels
    gates: StageKernels
    recurrent: Tensor
    conv_5: StageKernels
    output: OutputKernels


class ConditionMaps(NamedTuple):
    """Hold outputs of the layers for the condition image, added to every frame of its clip.

    They include the biases.

    Attributes:
        fc_BD: of the fully connected layer.
        conv_1_BCHW, conv_2_BCHW, conv_3_BCHW, gates_BCHW, conv_5_BCHW: of the convolutions.
    """

    fc_BD: Tensor
    conv_1_BCHW: Tensor
    conv_2_BCHW: Tensor
    conv_3_BCHW: Tensor
    gates_BCHW: Tensor
    conv_5_BCHW: Tensor


class Decoder(nn.Module):
    """Decode in six stages. The ConvLSTM of the fourth is the only layer that connects frames.

    Args:
        speech_features, noise_features, image_features, emotion_features: sizes of the vectors.
        filters: of the image encoder; stages 1 to 4 have them in reverse, but for the last one.
        output_filters: of stage 5.
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
        """Return the kernels of the current weights, differentiable by them."""
        lstm = self.conv_lstm
        gates = lstm.sigmoids_first(lstm.weight_ih)
        gates_bias = lstm.sigmoids_first(lstm.bias_ih + lstm.bias_hh)
        recurrent = lstm.sigmoids_first(lstm.weight_hh)
        first = _split(self.conv_1.weight, self.conv_1.bias)
        return DecoderKernels(
            fc=torch.split(self.fc.weight, list(self.vector_sizes), dim=1),
            conv_1=StageKernels(
                first.own.contiguous(memory_format=torch.channels_last), first.image, first.bias
            ),
            conv_2=_after_upsampling(self.conv_2.weight, self.conv_2.bias),
            conv_3=_after_upsampling(self.conv_3.weight, self.conv_3.bias),
            gates=_after_upsampling(gates, gates_bias),
            recurrent=recurrent.contiguous(memory_format=torch.channels_last),
            conv_5=_after_upsampling(self.conv_5.weight, self.conv_5.bias),
            output=output_kernels(self.output),
        )

    def condition(self, image: ImageFeatures, kernels: DecoderKernels) -> ConditionMaps:
        """Return the layers' outputs for the condition image, from its features."""
        _, _, fc_image, _ = kernels.fc
        first, second, third, fourth, fifth = reversed(image.scales)
        return ConditionMaps(
            fc_BD=F.linear(image.embedding_BD, fc_image, self.fc.bias),
            conv_1_BCHW=_image_part(first, kernels.conv_1, "reflect"),
            conv_2_BCHW=_image_part(second, kernels.conv_2, "reflect"),
            conv_3_BCHW=_image_part(third, kernels.conv_3, "reflect"),
            gates_BCHW=_image_part(fourth, kernels.gates, "constant"),
            conv_5_BCHW=_image_part(fifth, kernels.conv_5, "reflect"),
        )

    def project(
        self,
        speech_BTD: Tensor,
        noise_BTD: Tensor,
        emotion_BTD: Tensor,
        maps: ConditionMaps,
        kernels: DecoderKernels,
    ) -> Tensor:
        """Return the fully connected layer's output (T, B, D), D = filters * 16.

        `emotion_BTD` may have one frame that holds for all.
        """
        fc_speech, fc_noise, _, fc_emotion = kernels.fc
        clip_BTD = F.linear(emotion_BTD, fc_emotion) + maps.fc_BD.unsqueeze(1)
        own_BTD = F.linear(speech_BTD, fc_speech) + F.linear(noise_BTD, fc_noise)
        return leaky_relu((own_BTD + clip_BTD).transpose(0, 1))

    def forward(
        self,
        h_TBD: Tensor,
        maps: ConditionMaps,
        kernels: DecoderKernels,
        state: ConvLstmState,
    ) -> tuple[Tensor, ConvLstmState]:
        """Return frames (B, T, 3, 128, 128) in [-1, 1] and the state after the last.

        Each layer computes in the type of its kernel (`decoder_precision`), or in autocast's.

        Args:
            h_TBD: of `project`.
            maps: of `condition`.
            kernels: of `kernels`.
            state: of the ConvLSTM after the frame before.
        """
        h, state = self.hidden(h_TBD, maps, kernels, state)
        h = _upsampled_stage(h, kernels.conv_5, maps.conv_5_BCHW)
        video_NCHW = torch.tanh(output_conv(h, kernels.output))
        video_TBCHW = torch.unflatten(video_NCHW, 0, h_TBD.shape[:2])
        return video_TBCHW.transpose(0, 1).contiguous(), state

    def hidden(
        self,
        h_TBD: Tensor,
        maps: ConditionMaps,
        kernels: DecoderKernels,
        state: ConvLstmState,
    ) -> tuple[Tensor, ConvLstmState]:
        """Return the ConvLSTM's hidden images (T * B, C, 64, 64) and its state after the last.

        The arguments are those of `forward`.
        """
        T, B = h_TBD.shape[:2]
        h = h_TBD.reshape(T * B, self.filters[4], SMALLEST, SMALLEST)
        h = _in_type_of(kernels.conv_1.own, h).contiguous(memory_format=torch.channels_last)
        h = F.conv2d(pad(h, (1, 1, 1, 1), "reflect"), kernels.conv_1.own)
        h = _activated(h, maps.conv_1_BCHW)
        h = _upsampled_stage(h, kernels.conv_2, maps.conv_2_BCHW)
        h = _upsampled_stage(h, kernels.conv_3, maps.conv_3_BCHW)
        gates = upsample_conv(h, kernels.gates.own, padding="constant")
        gates_TBCHW = torch.unflatten(gates, 0, (T, B))
        h, state = self.conv_lstm(gates_TBCHW, maps.gates_BCHW, kernels.recurrent, state)
        return h, state

    def first_state(self, maps: ConditionMaps) -> ConvLstmState:
        """Return the ConvLSTM's state before the first frame."""
        return self.conv_lstm.zero_state(maps.gates_BCHW, maps.gates_BCHW.shape[0])


def _split(weight_OIHW: Tensor, bias: Tensor | None) -> StageKernels:
    """Return a stage's kernels: for the decoder's own channels and for the image's features."""
    own = (weight_OIHW.shape[1] - IMAGE_CHANNELS) // 2
    parts = torch.split(weight_OIHW, [own, own + IMAGE_CHANNELS], dim=1)
    return StageKernels(parts[0], parts[1], bias)


def _after_upsampling(weight_OIHW: Tensor, bias: Tensor | None) -> StageKernels:
    """Return the kernels of a stage whose input is upsampled."""
    kernels = _split(weight_OIHW, bias)
    return StageKernels(upsample_kernel(kernels.own), kernels.image, kernels.bias)


def _image_part(features_BCHW: Tensor, kernels: StageKernels, padding: Padding) -> Tensor:
    """Return a stage's convolution of the image's features."""
    padded = pad(features_BCHW, (1, 1, 1, 1), padding)
    part = F.conv2d(padded, kernels.image, kernels.bias)
    return part.contiguous(memory_format=torch.channels_last)


def _upsampled_stage(h_NCHW: Tensor, kernels: StageKernels, part_BCHW: Tensor) -> Tensor:
    """Return a stage's output from its input before the upsampling."""
    h_NCHW = _in_type_of(kernels.own, h_NCHW)
    return _activated(upsample_conv(h_NCHW, kernels.own, padding="reflect"), part_BCHW)


def _in_type_of(kernel: Tensor, h_NCHW: Tensor) -> Tensor:
    """Return a layer's input in the type of its kernel; autocast converts both by itself."""
    device = h_NCHW.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return h_NCHW
    return h_NCHW.to(kernel.dtype)


def _activated(h_NCHW: Tensor, part_BCHW: Tensor) -> Tensor:
    """Return the activation of a convolution's own part plus its clip's part.

    It is computed in place: `h_NCHW` is a convolution's output and used only here.
    """
    h_TBCHW = torch.unflatten(h_NCHW, 0, (-1, part_BCHW.shape[0])).add_(part_BCHW)
    return F.leaky_relu_(h_TBCHW, SLOPE).flatten(0, 1)
