"""The speech encoder over a signal that arrives piece by piece: same numbers, bounded memory.

Every layer keeps the end of its input. Which of its outputs exist yet follows from how many frames
have come; where a kernel reaches beyond the signal's start or end, reflected samples are gathered
by index, so that beginning, middle and end are one program without branches.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.models.speech_encoder import (
    CONTEXT,
    KERNELS,
    SLOPE,
    STEPS_PER_FRAME,
    STRIDES,
    SpeechEncoder,
)
from emotalk.schema import SAMPLES_PER_FRAME

ENDLESS = 2**62  # the length of a signal whose end is not known yet, in samples


class LayerPlan(NamedTuple):
    """Layout of one convolution for running on pieces of a signal.

    Attributes:
        kernel, stride: of the convolution.
        inputs: of it per video frame.
        lag_in, lag_out: how many of its inputs and outputs are not there yet when the speech of a
            whole number of frames is.
        kept: inputs to keep for the next piece.
    """

    kernel: int
    stride: int
    inputs: int
    lag_in: int
    lag_out: int
    kept: int


def _plan() -> tuple[LayerPlan, ...]:
    layers, inputs, lag_in = [], SAMPLES_PER_FRAME, 0
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        reach = kernel // 2
        lag_out = -(-(lag_in + 1 - stride + reach) // stride)
        kept = stride * lag_out + reach - lag_in
        layers.append(LayerPlan(kernel, stride, inputs, lag_in, lag_out, kept))
        inputs, lag_in = inputs // stride, lag_out
    return tuple(layers)


PLAN = _plan()
STEP_LAG = PLAN[-1].lag_out
# Frame t needs steps up to 5 t + 17; it exists this many frames after its own speech has come.
DELAY = -(-(STEP_LAG + CONTEXT + 1) // STEPS_PER_FRAME) - 1
KEPT_STEPS = STEPS_PER_FRAME * DELAY + CONTEXT - STEP_LAG


class SpeechStreamState(NamedTuple):
    """State of the encoder between pieces.

    Attributes:
        position: frames of speech that have come, an int64 scalar tensor.
        inputs: the end of every convolution's input, (B, C, kept).
        steps_BSD: the last steps, as the context of frames to come.
    """

    position: Tensor
    inputs: tuple[Tensor, ...]
    steps_BSD: Tensor


def first_state(encoder: SpeechEncoder, clips: int) -> SpeechStreamState:
    """Return the state before any speech, on the encoder's device."""
    weight = encoder.fc.weight
    inputs = tuple(
        weight.new_zeros(clips, size, layer.kept)
        for size, layer in zip(encoder.channels, PLAN, strict=False)
    )
    steps_BSD = weight.new_zeros(clips, KEPT_STEPS, encoder.squeeze.out_channels)
    position = torch.zeros((), dtype=torch.int64, device=weight.device)
    return SpeechStreamState(position, inputs, steps_BSD)


def encode_piece(
    encoder: SpeechEncoder, speech_BS: Tensor, samples: Tensor, state: SpeechStreamState
) -> tuple[Tensor, SpeechStreamState]:
    """Return features (B, n, D) of the frames `position - DELAY` on, and the state after them.

    What is returned for frames below 0 or beyond the end means nothing.

    Args:
        encoder: whose weights to use.
        speech_BS: the next n * 320 samples; beyond the signal's end any numbers.
        samples: length of the whole signal, an int64 scalar tensor; `ENDLESS` until known.
        state: after the piece before.
    """
    frames = speech_BS.shape[1] // SAMPLES_PER_FRAME
    h, length, kept = speech_BS.unsqueeze(1), samples, []
    for conv, layer, before in zip(encoder.convs, PLAN, state.inputs, strict=True):
        available = torch.cat([before, h], dim=2)
        kept.append(available[:, :, -layer.kept :])
        window = _reflected(available, layer, frames, state.position, length)
        h = F.leaky_relu(conv(window), SLOPE)
        length = (length + layer.stride - 1) // layer.stride
    steps_BSD = _silent_outside(encoder.squeezed(h), state.position, length)
    steps_BSD = torch.cat([state.steps_BSD, steps_BSD], dim=1)
    needed = STEPS_PER_FRAME * (frames - 1) + 2 * CONTEXT + 1
    features_BTD = encoder.contexts(steps_BSD[:, :needed])
    after = SpeechStreamState(state.position + frames, tuple(kept), steps_BSD[:, -KEPT_STEPS:])
    return features_BTD, after


def _reflected(
    available: Tensor, layer: LayerPlan, frames: int, position: Tensor, length: Tensor
) -> Tensor:
    """Return the inputs of this piece's outputs, reflected where they lie outside the signal."""
    outputs = frames * layer.inputs // layer.stride
    first = layer.inputs * position - layer.lag_in - layer.kept  # number of available[..., 0]
    count = layer.stride * (outputs - 1) + layer.kernel
    number = first + torch.arange(count, device=available.device)
    inside = torch.where(number < length, number.abs(), 2 * (length - 1) - number)
    index = (inside - first).clamp(0, available.shape[2] - 1)
    return available.index_select(2, index)


def _silent_outside(steps_BSD: Tensor, position: Tensor, length: Tensor) -> Tensor:
    """Return the steps with zeros for those before the signal's start or beyond its end."""
    first = STEPS_PER_FRAME * position - STEP_LAG
    number = first + torch.arange(steps_BSD.shape[1], device=steps_BSD.device)
    real = (number >= 0) & (number < length)
    return torch.where(real[:, None], steps_BSD, 0.0)
