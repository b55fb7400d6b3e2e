"""Stages in bfloat16 change frames by less than one grey level, over any number of frames."""

import pytest
import torch
from torch import Tensor

from emotalk.models import Generator
from emotalk.models.decoder_precision import bfloat16_kernels, bfloat16_maps
from emotalk.models.streaming import GeneratorStream
from tests.helpers.generators import SMALL, lively_generator, small_generator, whole_utterance

GREY_LEVEL = 2 / 255


def video(generator: Generator, *, bfloat16: bool, frames: int) -> tuple[Tensor, GeneratorStream]:
    image, speech, emotion, noise = whole_utterance(generator, clips=1, samples=320 * frames)
    stream = GeneratorStream(
        generator, image, emotion, lambda first, n: noise[:, first : first + n], bfloat16=bfloat16
    )
    return torch.cat([stream.push(speech), stream.flush()], dim=1), stream


@pytest.mark.parametrize("arguments", [{}, {"output_kernel": 7, "cell_activation": "leaky_relu"}])
def test_frames_stay_within_one_grey_level_of_float32(arguments: dict[str, object]) -> None:
    generator = small_generator(**arguments)
    exact, _ = video(generator, bfloat16=False, frames=60)
    rounded, _ = video(generator, bfloat16=True, frames=60)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)  # it was computed in bfloat16 indeed
    assert (rounded - exact).abs().max() <= GREY_LEVEL


def test_lively_frames_do_not_drift_away() -> None:
    generator = lively_generator()
    exact, _ = video(generator, bfloat16=False, frames=150)
    rounded, stream = video(generator, bfloat16=True, frames=150)
    error = (rounded - exact).abs().mean((2, 3, 4))[0]
    assert error[-50:].mean() <= 1.5 * error[:50].mean()
    assert stream.state.decoder.cell_BCHW.dtype == torch.float32


def test_stages_one_to_four_alone_are_in_bfloat16() -> None:
    generator = small_generator()
    with torch.no_grad():
        kernels = generator.decoder.kernels()
        image = generator.image_encoder(torch.zeros(1, 3, 128, 128))
        maps = bfloat16_maps(generator.decoder.condition(image, kernels))
        kernels = bfloat16_kernels(kernels)
    halves = (kernels.conv_1, kernels.conv_2, kernels.conv_3, kernels.gates)
    assert {stage.own.dtype for stage in halves} == {torch.bfloat16}
    assert kernels.recurrent.dtype == torch.bfloat16
    whole = (kernels.conv_5.own, kernels.output.full, *kernels.fc, maps.conv_5_BCHW, maps.fc_BD)
    assert {tensor.dtype for tensor in whole} == {torch.float32}
    assert kernels.conv_2.own.is_contiguous(memory_format=torch.channels_last)
    assert maps.gates_BCHW.shape[1] == 4 * SMALL["filters"][0]
