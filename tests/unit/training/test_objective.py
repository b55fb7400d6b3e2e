"""Which terms are computed of which outputs, and which outputs nobody trained reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast
from unittest import mock

import pytest
import torch
from torch import Tensor

from emotalk.config.stages import DISCRIMINATOR_TERMS
from emotalk.config.stages import generator_terms as stage_terms
from emotalk.distributed import Engine
from emotalk.models import Generator, GeneratorOutput
from emotalk.runs.networks import build_modules
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Discriminators, Networks, build_features
from emotalk.training.objective import (
    DiscriminatorOutputs,
    discriminate,
    discriminator_terms,
    generator_terms,
    unused_discriminator_outputs,
    unused_generator_outputs,
)
from tests.helpers.drawn_inputs import CLIPS, FRAMES, drawn_inputs
from tests.helpers.tiny_training import tiny_config


class Bare:
    """What an engine is to the objectives."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def __call__(self, *args: Any) -> Any:
        return self.module(*args)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    words = ["model.generator.auxiliary_emotion=true", "losses.perceptual.network=random"]
    words += ["losses.perceptual.width=0.04", "stages.gan.updates.0.losses.perceptual=1"]
    config = tiny_config(tmp_path_factory.mktemp("objective"), *words)
    generator, critics = build_modules(config)
    features = build_features(config)
    assert critics is not None
    assert features is not None
    return Networks(
        generator=cast(Engine, Bare(generator.double())),
        discriminators=cast(Engine, Bare(critics.double())),
        features=features.double(),
    )


@pytest.fixture(scope="module")
def x(networks: Networks) -> ClipInputs:
    return drawn_inputs(cast(Generator, networks.generator.module).noise_features)


@pytest.fixture(scope="module")
def made(networks: Networks, x: ClipInputs) -> GeneratorOutput:
    return networks.generate(x, networks.generator)


def critics_of(networks: Networks) -> Discriminators:
    assert networks.discriminators is not None
    return cast(Discriminators, networks.discriminators.module)


@contextmanager
def called(module: torch.nn.Module) -> Iterator[list[tuple[Tensor, ...]]]:
    """Note the arguments of every call of a network."""
    calls: list[tuple[Tensor, ...]] = []
    hook = module.register_forward_pre_hook(lambda _, args: calls.append(args))
    yield calls
    hook.remove()


@pytest.mark.parametrize("term", stage_terms())
def test_a_term_is_computed_alone_with_a_value_for_each_clip(
    term: str, networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    terms = generator_terms(x, made, networks, critics_of(networks), [term])
    assert list(terms) == [term]
    assert terms[term].shape == (CLIPS,)
    assert terms[term].dtype == torch.float64


def test_only_discriminators_that_are_asked_are_called(
    networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    critics = critics_of(networks)
    frame, pair = critics.get_submodule("frame"), critics.get_submodule("pair")
    with called(frame) as f, called(pair) as pairs:
        generator_terms(x, made, networks, critics, ["l1", "frame"])
    assert (len(f), len(pairs)) == (1, 0)


def test_the_pair_discriminator_is_shown_mouths_and_told_the_margins(
    networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    with called(critics_of(networks).get_submodule("pair")) as calls:
        generator_terms(x, made, networks, critics_of(networks), ["pair"])
        discriminate(x, networks, ["pair"])
    (video, image, speech, margin), (videos, images, speeches, margins) = calls
    mouth = x.mouth_BTHW.unsqueeze(2)
    assert torch.equal(video, made.video_BTCHW * mouth)
    assert image is x.image_BCHW
    assert speech is x.speech_BS
    assert margin == margins == x.margin_frames
    assert x.other_speech_BS is not None
    true, fake, swapped = videos.chunk(3)
    assert torch.equal(true, x.video_BTCHW * mouth)
    assert torch.allclose(fake, made.video_BTCHW * mouth)
    assert torch.equal(swapped, true)
    assert torch.equal(images, torch.cat([x.image_BCHW] * 3))
    assert torch.equal(speeches, torch.cat([x.speech_BS, x.speech_BS, x.other_speech_BS]))


def test_the_perceptual_loss_sees_the_drawn_frames_alone(
    networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    """A frame that was not drawn may be anything: first 2 and 0, then 1 and 2 of three."""

    def value(video: Tensor) -> Tensor:
        found = GeneratorOutput(video, made.emotion_logits_BE)
        return generator_terms(x, found, networks, None, ["perceptual"])["perceptual"]

    before = value(made.video_BTCHW.detach())
    for clip, frame in ((0, 1), (1, 0)):
        other = made.video_BTCHW.detach().clone()
        other[clip, frame] = 0.9
        assert torch.equal(value(other), before)
    drawn = made.video_BTCHW.detach().clone()
    drawn[0, 2] = 0.9
    assert value(drawn)[0] != before[0]
    assert value(drawn)[1] == before[1]


def test_discriminators_judge_a_video_that_leads_no_gradient_to_the_generator(
    networks: Networks, x: ClipInputs
) -> None:
    outputs = discriminate(x, networks, ["frame", "emotion", "pair", "temporal"])
    assert outputs.fake_BTCHW is not None
    assert not outputs.fake_BTCHW.requires_grad
    terms = discriminator_terms(x, outputs, critics_of(networks), ["frame", "temporal"])
    networks.generator.module.zero_grad()
    torch.autograd.backward(torch.stack([value.sum() for value in terms.values()]).sum())
    assert all(p.grad is None for p in networks.generator.module.parameters())
    critics_of(networks).zero_grad()


def test_real_videos_alone_are_judged_without_generating_any(
    networks: Networks, x: ClipInputs
) -> None:
    with called(networks.generator.module) as calls:
        outputs = discriminate(x, networks, ["emotion_real"])
    assert calls == []
    assert outputs.fake_BTCHW is None
    assert outputs.by_name["emotion"].shape[0] == CLIPS


def test_both_terms_of_the_emotion_share_one_call(networks: Networks, x: ClipInputs) -> None:
    wanted = ["emotion", "emotion_real"]
    outputs = discriminate(x, networks, wanted)
    both = discriminator_terms(x, outputs, critics_of(networks), wanted)
    alone = discriminator_terms(
        x, discriminate(x, networks, ["emotion_real"]), critics_of(networks), ["emotion_real"]
    )
    assert torch.allclose(both["emotion_real"], alone["emotion_real"])
    for term in wanted:
        assert list(critics_of(networks).computing([term])) == ["emotion"]


def test_the_penalty_is_added_times_its_weight(networks: Networks, x: ClipInputs) -> None:
    outputs = discriminate(x, networks, ["frame"])
    critic = critics_of(networks).critics["frame"]
    found = []
    for weight in (0.0, 3.0):
        losses = critic.config.losses.model_copy(update={"gradient_penalty": weight})
        config = critic.config.model_copy(update={"losses": losses})
        with mock.patch.object(critic, "config", config):
            found.append(discriminator_terms(x, outputs, critics_of(networks), ["frame"]))
    penalty = found[0]["gradient_penalty"]
    assert float(penalty.detach().min()) > 0
    assert torch.allclose(found[1]["frame"] - found[0]["frame"], 3.0 * penalty)


def test_the_penalty_is_taken_between_the_true_and_the_generated_video(
    networks: Networks, x: ClipInputs
) -> None:
    outputs = discriminate(x, networks, ["frame"])
    assert outputs.fake_BTCHW is not None
    with called(critics_of(networks).get_submodule("frame")) as calls:
        discriminator_terms(x, outputs, critics_of(networks), ["frame"])
    ((between, image),) = calls
    for clip, alpha in enumerate(x.alpha_B.tolist()):
        expected = alpha * x.video_BTCHW[clip] + (1 - alpha) * outputs.fake_BTCHW[clip]
        assert torch.allclose(between[clip].detach(), expected)
    assert image is x.image_BCHW


@pytest.mark.parametrize(
    ("trained", "unread"),
    [
        ({"mouth_region"}, {"logits"}),
        ({"mouth_region", "speech_emotion"}, set()),
        ({"speech_emotion"}, {"video"}),
        ({"emotion"}, {"logits"}),
    ],
)
def test_outputs_of_the_generator_that_no_trained_term_reads(
    trained: set[str], unread: set[str], made: GeneratorOutput
) -> None:
    names = {id(made.video_BTCHW): "video", id(made.emotion_logits_BE): "logits"}
    assert {names[id(output)] for output in unused_generator_outputs(made, trained)} == unread
    without = made._replace(emotion_logits_BE=None)
    found = {id(output) for output in unused_generator_outputs(without, trained)}
    assert found == ({id(made.video_BTCHW)} if "video" in unread else set())


def test_outputs_of_the_discriminators_that_no_trained_term_reads(networks: Networks) -> None:
    outputs = {name: torch.zeros(1) for name in ("frame", "emotion", "temporal", "idle")}
    unused = unused_discriminator_outputs(
        DiscriminatorOutputs(None, outputs), critics_of(networks), {"emotion_real", "temporal"}
    )
    assert {id(output) for output in unused} == {id(outputs["frame"]), id(outputs["idle"])}


def test_every_term_of_the_discriminators_is_one_value_a_clip(
    networks: Networks, x: ClipInputs
) -> None:
    outputs = discriminate(x, networks, DISCRIMINATOR_TERMS)
    terms = discriminator_terms(x, outputs, critics_of(networks), DISCRIMINATOR_TERMS)
    assert set(terms) == {*DISCRIMINATOR_TERMS, "gradient_penalty"}
    assert all(value.shape == (CLIPS,) for value in terms.values())


def test_generated_clips_are_wanted_to_show_the_emotion_of_their_clip(
    networks: Networks, x: ClipInputs, made: GeneratorOutput
) -> None:
    logits = torch.full((CLIPS, 7), -30.0, dtype=torch.float64)
    logits[0, 4] = logits[1, 1] = 30.0  # the emotions of both clips
    with mock.patch.object(Networks, "discriminate", return_value={"emotion": logits}):
        right = generator_terms(x, made, networks, critics_of(networks), ["emotion"])["emotion"]
        wrong = generator_terms(
            replace(x, emotion_B=x.emotion_B.flip(0)), made, networks, critics_of(networks),
            ["emotion"],
        )["emotion"]  # fmt: skip
    assert float(right.max()) < 1e-9
    assert float(wrong.min()) == pytest.approx(60.0)
    assert made.video_BTCHW.shape[1] == FRAMES
