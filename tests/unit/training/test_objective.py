"""Which terms are computed of which outputs, and which outputs nobody trained reads."""

import pytest
import torch
from torch import Tensor

from emotalk.config.stages import DISCRIMINATOR_TERMS
from emotalk.config.stages import generator_terms as stage_terms
from emotalk.models import AnyOutput, GeneratorOutput, OutputWithMouth
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks
from emotalk.training.objective import (
    DiscriminatorOutputs,
    discriminate,
    discriminator_terms,
    generator_terms,
    unused_discriminator_outputs,
    unused_generator_outputs,
)
from tests.helpers.drawn_inputs import CLIPS
from tests.helpers.objective import called, critics_of


@pytest.mark.parametrize("term", stage_terms())
def test_a_term_is_computed_alone_with_a_value_for_each_clip(
    term: str, networks: Networks, x: ClipInputs, made: AnyOutput
) -> None:
    terms = generator_terms(x, made, networks, critics_of(networks), [term])
    assert list(terms) == [term]
    assert terms[term].shape == (CLIPS,)
    assert terms[term].dtype == torch.float64


def test_only_discriminators_that_are_asked_are_called(
    networks: Networks, x: ClipInputs, made: AnyOutput
) -> None:
    critics = critics_of(networks)
    frame, pair = critics.get_submodule("frame"), critics.get_submodule("pair")
    with called(frame) as f, called(pair) as pairs:
        generator_terms(x, made, networks, critics, ["l1", "frame"])
    assert (len(f), len(pairs)) == (1, 0)


def test_the_perceptual_loss_sees_the_drawn_frames_alone(
    networks: Networks, x: ClipInputs, made: AnyOutput
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


@pytest.mark.parametrize(
    ("trained", "unread"),
    [
        ({"mouth_region"}, {"logits", "mouth"}),
        ({"mouth_region", "speech_emotion"}, {"mouth"}),
        ({"mouth_region", "speech_emotion", "speech_mouth"}, set()),
        ({"speech_emotion"}, {"video", "mouth"}),
        ({"speech_mouth"}, {"video", "logits"}),
        ({"emotion"}, {"logits", "mouth"}),
    ],
)
def test_outputs_of_the_generator_that_no_trained_term_reads(
    trained: set[str], unread: set[str], made: AnyOutput
) -> None:
    outputs = {"video": made.video_BTCHW, "logits": made.emotion_logits_BE}
    assert isinstance(made, OutputWithMouth)
    outputs |= {"mouth": made.mouth_BTLP}
    names = {id(output): name for name, output in outputs.items()}
    assert {names[id(output)] for output in unused_generator_outputs(made, trained)} == unread
    without = GeneratorOutput(made.video_BTCHW, None)
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
