"""The generator against its plain form: the same numbers and gradients, and clear refusals."""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emotalk import models
from emotalk.config.model import ModelConfig
from emotalk.models import (
    AnyOutput,
    EmotionDiscriminator,
    FrameDiscriminator,
    Generator,
    PairDiscriminator,
    TemporalDiscriminator,
    fast_forms,
)
from tests.helpers.generators import ORIGINAL, small_generator, whole_utterance
from tests.helpers.plain_generator import plain_generator

HEARING = {"speech_activation": "log_power", "auxiliary_mouth": True}
PRESETS: list[dict[str, Any]] = [{}, ORIGINAL, HEARING]


@pytest.mark.parametrize("arguments", PRESETS, ids=["paper", "eskimez2021", "hearing"])
@torch.no_grad()
def test_fast_and_plain_form_give_the_same_frames(arguments: dict[str, Any]) -> None:
    generator = small_generator(**arguments)
    inputs = whole_utterance(generator, clips=2, samples=320 * 10 + 7)
    fast, plain = generator(*inputs), plain_generator(generator, *inputs)
    torch.testing.assert_close(fast.video_BTCHW, plain.video_BTCHW, atol=1e-5, rtol=0)
    assert (fast.emotion_logits_BE is None) == (plain.emotion_logits_BE is None)
    if fast.emotion_logits_BE is not None:
        torch.testing.assert_close(fast.emotion_logits_BE, plain.emotion_logits_BE)


@torch.no_grad()
def test_full_width_frames_are_those_of_the_plain_form() -> None:
    torch.manual_seed(0)
    generator = Generator(**ORIGINAL).eval()
    inputs = whole_utterance(generator, clips=1, samples=320 * 3)
    fast, plain = generator(*inputs), plain_generator(generator, *inputs)
    torch.testing.assert_close(fast.video_BTCHW, plain.video_BTCHW, atol=1e-5, rtol=0)


@pytest.mark.parametrize("arguments", PRESETS, ids=["paper", "eskimez2021", "hearing"])
def test_gradients_are_those_of_the_plain_form(arguments: dict[str, Any]) -> None:
    """Element by element in float64; in float32 by norm, each rounding in its own way.

    An activation so near zero that it rounds to the other side of a LeakyReLU's kink changes
    gradients at once (1e-3, on some processors, for some inputs, in either form): of three inputs
    the median counts in float32.
    """
    errors: dict[str, list[float]] = {}
    for louder in (1.0, 0.99, 0.98):
        generator = small_generator(**arguments)
        fast_32 = gradients(generator, generator, torch.float32, louder)
        generator.double()
        fast = gradients(generator, generator, torch.float64, louder)
        plain = gradients(generator, partial(plain_generator, generator), torch.float64, louder)
        assert fast.keys() == plain.keys() == fast_32.keys()
        for name, expected in plain.items():
            scale = float(expected.abs().max())
            torch.testing.assert_close(fast[name], expected, atol=1e-11 * scale, rtol=1e-9)
            error = float((fast_32[name] - expected).norm() / expected.norm())
            errors.setdefault(name, []).append(error)
    for name, of_inputs in errors.items():
        assert statistics.median(of_inputs) < 1e-5, f"{name}: {of_inputs}"


@pytest.mark.parametrize("arguments", PRESETS, ids=["paper", "eskimez2021", "hearing"])
def test_a_device_that_takes_the_plain_forms_gives_the_same_gradients(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = small_generator(**arguments).double()
    expected = gradients(generator, partial(plain_generator, generator), torch.float64)
    monkeypatch.setattr(fast_forms, "PLAIN_DEVICES", frozenset({"cpu"}))
    found = gradients(generator, generator, torch.float64)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(found[name], gradient, atol=1e-11 * scale, rtol=1e-9)


def gradients(
    generator: Generator,
    form: Callable[..., AnyOutput],
    dtype: torch.dtype,
    louder: float = 1.0,
) -> dict[str, Tensor]:
    """Return the gradients of one loss to all parameters and inputs, these times `louder`."""
    inputs = whole_utterance(generator, clips=2, samples=320 * 5)
    leaves = [(x * louder).to(dtype).requires_grad_() for x in inputs]
    generator.zero_grad()
    video, logits, *_ = form(*leaves)
    draws = torch.Generator().manual_seed(2)
    target = torch.randn(video.shape, generator=draws).to(dtype)
    loss = (video - target).square().mean() + (0 if logits is None else logits.square().mean())
    torch.autograd.backward(loss)
    found = {name: p.grad for name, p in generator.named_parameters() if p.grad is not None}
    found |= {f"input {k}": leaf.grad for k, leaf in enumerate(leaves) if leaf.grad is not None}
    return {name: gradient.double() for name, gradient in found.items()}


@torch.no_grad()
def test_margin_frames_are_heard_and_cropped() -> None:
    generator = small_generator()
    image, speech, emotion, noise = whole_utterance(generator, clips=2, samples=320 * 12)
    video, _ = generator(image, speech, emotion, noise[:, 3:-3], margin_frames=3)
    assert video.shape == (2, 6, 3, 128, 128)
    without, _ = generator(image, speech[:, 960:-960], emotion, noise[:, 3:-3])
    assert not torch.allclose(video, without, atol=1e-4)


@torch.no_grad()
def test_frames_do_not_depend_on_how_they_are_cut_into_blocks() -> None:
    generator = small_generator()
    inputs = whole_utterance(generator, clips=2, samples=320 * 10)
    whole, _ = generator(*inputs)
    generator.frames_per_block = 3
    blocks, _ = generator(*inputs)
    torch.testing.assert_close(blocks, whole, atol=1e-5, rtol=0)


@torch.no_grad()
def test_emotion_over_time_equals_a_constant_one() -> None:
    generator = small_generator()
    image, speech, emotion, noise = whole_utterance(generator, clips=2, samples=320 * 6)
    constant, _ = generator(image, speech, emotion, noise)
    track, _ = generator(image, speech, emotion[:, None].expand(-1, 6, -1), noise)
    torch.testing.assert_close(track, constant, atol=1e-5, rtol=0)


@pytest.mark.parametrize("emotions", [6, 8])
def test_the_number_of_emotions_is_a_size(emotions: int) -> None:
    generator = small_generator(emotions=emotions)
    video, _ = generator(*whole_utterance(generator, clips=1, samples=320))
    assert video.shape == (1, 1, 3, 128, 128)


@pytest.mark.parametrize("preset", ["paper", "eskimez2021"])
def test_parameter_counts_are_those_the_readme_states(preset: str) -> None:
    original = {"output_kernel": 7, "cell_activation": "leaky_relu", "auxiliary_emotion": True}
    document = {"generator": original} if preset == "eskimez2021" else {}
    config = ModelConfig.model_validate(document)
    networks = {
        "Generator": Generator(**config.generator_arguments(6)),
        "FrameDiscriminator": FrameDiscriminator(**config.arguments("frame")),
        "PairDiscriminator": PairDiscriminator(**config.arguments("pair")),
        "EmotionDiscriminator": EmotionDiscriminator(emotions=6, **config.arguments("emotion")),
        "TemporalDiscriminator": TemporalDiscriminator(**config.arguments("temporal")),
    }
    readme = Path(models.__file__).with_name("README.md").read_text(encoding="utf-8")
    column = 2 if preset == "paper" else 3
    rows = [line.split("|") for line in readme.splitlines() if line.startswith("| `")]
    stated = {row[1].strip(" `"): row[column].strip() for row in rows}
    for name, network in networks.items():
        assert stated[name] == f"{parameters(network):,}"
    assert parameters(networks["Generator"]) == {"paper": 37_175_923}.get(preset, 41_647_993)


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_width_scales_every_size_to_a_multiple_of_eight() -> None:
    arguments = ModelConfig(width=0.3).generator_arguments(6)
    assert arguments["filters"] == (16, 40, 80, 152, 152)
    assert arguments["noise_features"] == 40
    assert arguments["speech_step_features"] == 8
    assert (arguments["output_kernel"], arguments["emotions"]) == (3, 6)
    generator = Generator(**ModelConfig(width=0.03).generator_arguments(6))
    video, _ = generator(*whole_utterance(generator, clips=1, samples=640))
    assert video.shape == (1, 2, 3, 128, 128)


def test_one_batch_can_be_learnt() -> None:
    generator = small_generator().train()
    inputs = whole_utterance(generator, clips=1, samples=320 * 3)
    rows = torch.linspace(-0.8, 0.8, 128)
    target = torch.stack([rows.outer(rows) * phase for phase in (1.0, -1.0, 0.5)])
    target = target.expand(1, 3, 3, 128, 128).transpose(1, 2)
    optimiser = torch.optim.Adam(generator.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = (generator(*inputs).video_BTCHW - target).abs().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


WRONG: list[tuple[str, Any, str]] = [
    ("image", torch.zeros(2, 3, 64, 64), "image_BCHW: shape .* expected 128"),
    ("image", torch.zeros(2, 3, 128, 128, dtype=torch.uint8), "image_BCHW: got torch.uint8"),
    ("image", torch.full((2, 3, 128, 128), 255.0), r"image_BCHW: values .* allowed are \[-1, 1\]"),
    ("speech", torch.zeros(2, 319), "speech_BS: got 319 samples, at least one frame of 320"),
    ("speech", torch.full((2, 960), torch.nan), "speech_BS: values from nan"),
    ("speech", torch.full((2, 960), 20_000.0), "speech_BS: values from 20000"),
    ("speech", torch.zeros(2, 960, dtype=torch.int16), "speech_BS: got torch.int16"),
    ("speech", torch.zeros(2, 1, 960), "speech_BS: shape .* expected"),
    ("emotion", torch.zeros(2, 7), "emotion_BE: shape .* expected 6"),
    ("image", torch.full((2, 3, 128, 128), torch.nan), "image_BCHW: values from nan"),
    ("image", torch.zeros(1, 3, 128, 128), "image_BCHW: shape .* expected 2"),
    ("emotion", torch.full((2, 6), torch.nan), "emotion_BE: values from nan"),
    ("emotion", torch.full((2, 6), -0.5), r"emotion_BE: values .* allowed are \[0, 1\]"),
    ("emotion", torch.zeros(2, 6, dtype=torch.int64), "emotion_BE: got torch.int64"),
    ("noise", torch.zeros(2, 3, 16, dtype=torch.int64), "noise_BTD: got torch.int64"),
    ("emotion", torch.full((2, 6), 1.5), r"emotion_BE: values .* allowed are \[0, 1\]"),
    ("noise", torch.zeros(2, 4, 16), "noise_BTD: shape .* expected 3"),
    ("noise", torch.full((2, 3, 16), torch.inf), "noise_BTD: values"),
    ("margin", -1, "margin_frames: got -1"),
    ("margin", 2, "leave no frame between 2 margin frames"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_wrong_input_is_named_with_what_is_allowed(name: str, value: Any, message: str) -> None:
    generator = small_generator()
    image, speech, emotion, noise = whole_utterance(generator, clips=2, samples=960)
    inputs: dict[str, Any] = {
        "image": image, "speech": speech, "emotion": emotion, "noise": noise, "margin": 0
    }  # fmt: skip
    inputs[name] = value
    with pytest.raises(ValueError, match=message):
        generator(*inputs.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_kernel": 5}, "output_kernel: got 5, allowed are 3, 7"),
        ({"cell_activation": "relu"}, "cell_activation: got 'relu', allowed are tanh"),
        ({"filters": (8, 8)}, "filters: got .* expected 5 sizes"),
        ({"speech_filters": (8, 8)}, "filters: got .* expected 4 sizes"),
    ],
)
def test_wrong_sizes_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_generator(**arguments)
