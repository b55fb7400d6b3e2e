"""The networks of a run: which there are, what one call of them gives, in what precision."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

from emotalk.config.run import TrainConfig
from emotalk.distributed import Engine
from emotalk.models import Generator
from emotalk.models.generator import PrecedingSpeech
from emotalk.runs.networks import build_modules
from emotalk.training.networks import (
    IDLE,
    Discriminators,
    Networks,
    autocast_context,
    build_features,
    full_precision,
    learning_parts,
)
from tests.helpers.drawn_inputs import drawn_inputs
from tests.helpers.tiny_training import tiny_config

ALL = {"frame", "emotion", "pair", "temporal"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    return tiny_config(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def critics(config: TrainConfig) -> Discriminators:
    critics = build_modules(config)[1]
    assert critics is not None
    return critics


def losses(network: str, *terms: str) -> str:
    weights = ", ".join(f"{term}: 1" for term in terms)
    return f"{{network: {network}, lr: 0.1, losses: {{{weights}}}}}"


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        (losses("generator", "mouth_region", "l1"), set()),
        (losses("generator", "l1", "pair"), {"pair"}),
        (losses("discriminators", "emotion_real"), {"emotion"}),
        (losses("discriminators", "frame", "temporal"), {"frame", "temporal"}),
    ],
)
def test_only_discriminators_that_some_stage_asks_for_are_built(
    updates: str, expected: set[str], tmp_path: Path
) -> None:
    config = tiny_config(tmp_path, f"stages=[{{name: one, iterations: 1, updates: [{updates}]}}]")
    assert set(config.discriminators) == expected
    built = build_modules(config)[1]
    assert (set() if built is None else {name for name, _ in built.named_children()}) == expected


def test_discriminators_that_are_not_called_are_reached_by_a_zero(critics: Discriminators) -> None:
    critics.zero_grad()
    video = torch.randn(2, 3, 3, 128, 128)
    outputs = critics({"temporal": (video,)})
    assert set(outputs) == {"temporal", IDLE}
    assert float(outputs[IDLE].detach()) == 0.0
    torch.autograd.backward(outputs["temporal"].sum() + outputs[IDLE])
    for name, parameter in critics.named_parameters():
        assert parameter.grad is not None, name
        if not name.startswith("temporal."):
            assert float(parameter.grad.abs().max()) == 0.0, name
    assert torch.equal(outputs["temporal"], critics.get_submodule("temporal")(video))


def test_frozen_discriminators_need_no_zero(critics: Discriminators) -> None:
    critics.requires_grad_(False)
    try:
        assert set(critics({"temporal": (torch.randn(1, 2, 3, 128, 128),)})) == {"temporal"}
    finally:
        critics.requires_grad_(True)


def test_each_discriminator_and_the_guess_of_the_emotion_learn_apart(
    critics: Discriminators, tmp_path: Path
) -> None:
    assert {name: len(found) for name, found in learning_parts(critics).items()} == dict.fromkeys(
        ALL, 1
    )
    heads = [f"model.generator.auxiliary_{name}=true" for name in ("emotion", "mouth")]
    generator, _ = build_modules(tiny_config(tmp_path, *heads))
    parts = learning_parts(generator)
    assert set(parts) == {"generator", "speech_emotion", "speech_mouth"}
    assert parts["speech_emotion"] == [generator.speech_emotion]
    assert parts["speech_mouth"] == [generator.speech_mouth]
    held = [p for modules in parts.values() for m in modules for p in m.parameters()]
    assert {id(p) for p in held} == {id(p) for p in generator.parameters()}
    plain, _ = build_modules(tiny_config(tmp_path))
    assert set(learning_parts(plain)) == {"generator"}


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_precision_is_widened_and_never_narrowed(dtype: torch.dtype, expected: torch.dtype) -> None:
    assert full_precision(torch.ones(2, dtype=dtype)).dtype == expected


def test_in_bf16_the_networks_compute_in_it_and_answer_in_float32(
    config: TrainConfig, critics: Discriminators, tmp_path: Path
) -> None:
    bf16 = tiny_config(tmp_path, "runtime.precision=bf16")
    seen: list[torch.dtype] = []
    generator, _ = build_modules(bf16)
    generator.decoder.register_forward_hook(lambda _, __, out: seen.append(out[0].dtype))
    networks = Networks(
        generator=cast(Engine, generator),
        discriminators=None,
        features=None,
        autocast=autocast_context(bf16, torch.device("cpu")),
    )
    x = drawn_inputs(generator.noise_features)
    single: dict[str, Any] = {
        name: value.float() if name.endswith(("W", "S", "BE", "BTD")) else value
        for name, value in vars(x).items()
    }
    made = networks.generate(type(x)(**single), generator)
    assert set(seen) == {torch.bfloat16}
    assert made.video_BTCHW.dtype == torch.float32
    scores = networks.discriminate(critics, {"temporal": (made.video_BTCHW,)})
    assert scores["temporal"].dtype == torch.float32
    assert isinstance(autocast_context(config, torch.device("cpu"))(), nullcontext)


def test_the_generator_gets_each_input_in_its_place(config: TrainConfig) -> None:
    got: list[tuple[object, ...]] = []
    generator, _ = build_modules(config)
    x = drawn_inputs(generator.noise_features)
    out = generator.double()(x.image_BCHW, x.speech_BS, x.emotion_BE, x.noise_BTD, x.margin_frames)

    def generate(*args: object) -> object:
        got.append(args)
        return out

    networks = Networks(generator=cast(Engine, generate), discriminators=None, features=None)
    made = networks.generate(x, cast(Generator, generate))
    assert torch.equal(made.video_BTCHW, out.video_BTCHW)
    assert made.emotion_logits_BE is None
    (args,) = got
    expected = (x.image_BCHW, x.speech_BS, x.emotion_BE, x.noise_BTD, x.margin_frames)
    assert all(ours is theirs for ours, theirs in zip(args, expected, strict=True))


def test_the_features_are_those_that_the_configuration_names(tmp_path: Path) -> None:
    assert build_features(tiny_config(tmp_path)) is None, "no stage asks for them"
    words = ["losses.perceptual.network=random", "losses.perceptual.width=0.05"]
    wanted = [*words, "stages.gan.updates.0.losses.perceptual=1"]
    bgr = ["losses.perceptual.order=bgr", "losses.perceptual.statistics=none"]
    features = build_features(tiny_config(tmp_path, *wanted))
    other = build_features(tiny_config(tmp_path, *wanted, *bgr))
    assert features is not None
    assert other is not None
    assert build_features(tiny_config(tmp_path, *words)) is None
    assert [layer.out_channels for layer in features.features if isinstance(layer, nn.Conv2d)][
        :3
    ] == [3, 3, 6], "64 and 128 filters times 0.05"
    assert (features.order, other.order) == ("rgb", "bgr")
    assert other.std_C11.flatten().tolist() == [1.0, 1.0, 1.0]
    assert features.std_C11.flatten().tolist() == pytest.approx([0.458, 0.448, 0.45])
    assert not any(p.requires_grad for p in features.parameters())


def test_the_generator_begins_after_the_speech_that_comes_before(config: TrainConfig) -> None:
    generator = build_modules(config)[0]
    assert isinstance(generator, Generator)
    generator.double()
    x = drawn_inputs(generator.noise_features)
    weight_B = torch.ones(len(x.keys))
    preceding = PrecedingSpeech(x.speech_BS.flip(1), weight_B)
    networks = Networks(cast(Engine, None), None, None)
    with torch.no_grad():
        alone = networks.generate(x, generator).video_BTCHW
        zero = networks.generate(
            replace(x, preceding=preceding._replace(weight_B=0 * weight_B)), generator
        ).video_BTCHW
        after = networks.generate(replace(x, preceding=preceding), generator).video_BTCHW
    torch.testing.assert_close(zero, alone, atol=1e-6, rtol=0)
    assert not torch.equal(after, alone)
