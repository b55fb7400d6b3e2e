"""Run the speech encoder on a signal that arrives in chunks: the same numbers, bounded memory.

Every layer keeps the end of its input for the next chunk. Where a kernel reaches beyond the
signal's start or end, reflected samples are gathered by index. So one program without branches
serves the beginning, the middle and the end of the signal.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from emotalk.models.speech_encoder import (
    CONTEXT,
    KERNELS,
    STEPS_PER_FRAME,
    STRIDES,
    SpeechEncoder,
)
from emotalk.schema import SAMPLES_PER_FRAME

UNKNOWN_LENGTH = 2**62  # samples of a signal whose end has not arrived


class LayerPlan(NamedTuple):
    """Hold the sizes of one convolution that runs on chunks of a signal.

    Attributes:
        kernel, stride: of the convolution.
        inputs: per video frame.
        lag_in, lag_out: inputs and outputs that are still missing when the speech of a whole number
            of frames is there.
        kept: inputs to keep for the next chunk.
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
# Frame t needs steps up to 5 t + 17. It can be computed this many frames after its own speech.
DELAY = -(-(STEP_LAG + CONTEXT + 1) // STEPS_PER_FRAME) - 1
KEPT_STEPS = STEPS_PER_FRAME * DELAY + CONTEXT - STEP_LAG


class SpeechStreamState(NamedTuple):
    """Hold the state of the encoder between chunks.

    Attributes:
        position: number of frames of speech so far, an int64 scalar tensor.
        inputs: the end of every convolution's input, (B, C, kept).
        steps_BSD: the last steps, context of the next frames.
    """

    position: Tensor
    inputs: tuple[Tensor, ...]
    steps_BSD: Tensor


def first_speech_state(encoder: SpeechEncoder, clips: int) -> SpeechStreamState:
    """Return the state before the first chunk, on the encoder's device."""
    weight = encoder.fc.weight
    inputs = tuple(
        weight.new_zeros(clips, size, layer.kept)
        for size, layer in zip(encoder.channels, PLAN, strict=False)
    )
    steps_BSD = weight.new_zeros(clips, KEPT_STEPS, encoder.squeeze.out_channels)
    position = torch.zeros((), dtype=torch.int64, device=weight.device)
    return SpeechStreamState(position, inputs, steps_BSD)


def encode_chunk(
    encoder: SpeechEncoder, speech_BS: Tensor, samples: Tensor, state: SpeechStreamState
) -> tuple[Tensor, SpeechStreamState]:
    """Return features (B, n, D) of the frames `position - DELAY` on, and the state after them.

    Ignore the features of frames before 0 and after the signal's end.

    Args:
        encoder: provides the weights.
        speech_BS: the next n * 320 samples; any numbers after the signal's end.
        samples: length of the whole signal, an int64 scalar tensor; `UNKNOWN_LENGTH` until known.
        state: after the chunk before.
    """
    frames = speech_BS.shape[1] // SAMPLES_PER_FRAME
    h, length, kept = speech_BS.unsqueeze(1), samples, []
    for number, (layer, before) in enumerate(zip(PLAN, state.inputs, strict=True)):
        available = torch.cat([before, h], dim=2)
        kept.append(available[:, :, -layer.kept :])
        window = _reflected(available, layer, frames, state.position, length)
        h = encoder.convolve(number, window)
        length = (length + layer.stride - 1) // layer.stride
    steps_BSD = _zero_outside(encoder.squeezed(h), state.position, length)
    steps_BSD = torch.cat([state.steps_BSD, steps_BSD], dim=1)
    needed = STEPS_PER_FRAME * (frames - 1) + 2 * CONTEXT + 1
    features_BTD = encoder.contexts(steps_BSD[:, :needed])
    after = SpeechStreamState(state.position + frames, tuple(kept), steps_BSD[:, -KEPT_STEPS:])
    return features_BTD, after


def _reflected(
    available: Tensor, layer: LayerPlan, frames: int, position: Tensor, length: Tensor
) -> Tensor:
    """Return the inputs of this chunk's outputs, reflected where they lie outside the signal."""
    outputs = frames * layer.inputs // layer.stride
    first = layer.inputs * position - layer.lag_in - layer.kept  # number of available[..., 0]
    count = layer.stride * (outputs - 1) + layer.kernel
    number = first + torch.arange(count, device=available.device)
    inside = torch.where(number < length, number.abs(), 2 * (length - 1) - number)
    index = (inside - first).clamp(0, available.shape[2] - 1)
    return available.index_select(2, index)


def _zero_outside(steps_BSD: Tensor, position: Tensor, length: Tensor) -> Tensor:
    """Return the steps, zero before the signal's start and after its end."""
    first = STEPS_PER_FRAME * position - STEP_LAG
    number = first + torch.arange(steps_BSD.shape[1], device=steps_BSD.device)
    real = (number >= 0) & (number < length)
    return torch.where(real[:, None], steps_BSD, 0.0)
