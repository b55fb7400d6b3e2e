"""Compute the loss terms of a step: from inputs and networks to named values, one a clip."""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from emotalk.losses.emotion import emotion_cross_entropy
from emotalk.losses.mouth_region import mouth_region_loss
from emotalk.losses.perceptual import perceptual_loss
from emotalk.losses.reconstruction import l1
from emotalk.models import GeneratorOutput
from emotalk.training.critics.critic import Terms
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import SPEECH_EMOTION, Discriminators, Networks, full_precision


def generator_terms(
    x: ClipInputs,
    made: GeneratorOutput,
    networks: Networks,
    discriminators: Discriminators | None,
    wanted: Collection[str],
) -> Terms:
    """Return the generator's terms, name -> value of each clip (B,), unweighted.

    Args:
        x: one micro-batch.
        made: of it by the generator's engine, so that the gradients will be averaged.
        networks: their features and their precision are used.
        discriminators: bare and frozen.
        wanted: names of the terms to compute.

    Source: report eq. 4.1; Eskimez et al. 2021, total generator loss.
    """
    fake_BTCHW, speech_logits_BE = made
    terms: Terms = {}
    if "mouth_region" in wanted:
        terms["mouth_region"] = mouth_region_loss(fake_BTCHW, x.video_BTCHW, x.weights_BTHW)
    if "l1" in wanted:
        terms["l1"] = l1(fake_BTCHW, x.video_BTCHW)
    if "perceptual" in wanted and networks.features is not None:
        with networks.autocast():
            terms["perceptual"] = perceptual_loss(
                networks.features, fake_BTCHW, x.video_BTCHW, frames_BK=x.frames_BK
            )
    if SPEECH_EMOTION in wanted and speech_logits_BE is not None:
        terms[SPEECH_EMOTION] = emotion_cross_entropy(speech_logits_BE, x.emotion_B)
    if discriminators is not None:
        critics = {n: critic for n, critic in discriminators.critics.items() if n in wanted}
        inputs = {n: critic.generated_inputs(x, fake_BTCHW) for n, critic in critics.items()}
        outputs = networks.discriminate(discriminators, inputs)
        terms |= {n: critic.generator_term(outputs[n], x) for n, critic in critics.items()}
    return {name: full_precision(terms[name]) for name in wanted}


def unused_generator_outputs(made: GeneratorOutput, trained: Collection[str]) -> list[Tensor]:
    """Return the generator's outputs that no trained term depends on."""
    unused = [] if set(trained) - {SPEECH_EMOTION} else [made.video_BTCHW]
    if made.emotion_logits_BE is not None and SPEECH_EMOTION not in trained:
        unused.append(made.emotion_logits_BE)
    return unused


class Discrimination(NamedTuple):
    """Outputs of the discriminators for true and generated videos.

    Attributes:
        fake_BTCHW: the generated videos, without a graph; None where no term needs them.
        outputs: discriminator -> its output.
    """

    fake_BTCHW: Tensor | None
    outputs: dict[str, Tensor]


def discriminate(x: ClipInputs, networks: Networks, wanted: Collection[str]) -> Discrimination:
    """Return the discriminators' outputs for true and generated videos, by one call of the engine.

    True and generated videos pass a discriminator together, so that one backward pass reaches each
    parameter once.

    Args:
        x: one micro-batch.
        networks: the discriminators' engine is called, so that the gradients will be averaged.
        wanted: names of the terms to compute from the outputs.
    """
    critics = networks.bare_discriminators.computing(wanted)
    fake_BTCHW = None
    if any(name in wanted for name in critics):
        with torch.no_grad():
            fake_BTCHW = networks.generate(x, networks.generator.module).video_BTCHW
    inputs = {
        name: (
            critic.joint_inputs(x, fake_BTCHW)
            if fake_BTCHW is not None and name in wanted
            else critic.real_inputs(x)
        )
        for name, critic in critics.items()
    }
    assert networks.discriminators is not None
    return Discrimination(fake_BTCHW, networks.discriminate(networks.discriminators, inputs))


def discriminator_terms(
    x: ClipInputs, shown: Discrimination, discriminators: Discriminators, wanted: Collection[str]
) -> Terms:
    """Return the discriminators' terms, name -> value of each clip (B,), unweighted.

    Args:
        x: one micro-batch.
        shown: the outputs for it.
        discriminators: bare.
        wanted: names of the terms to compute; what a discriminator reports beside them is added.

    Source: report 4.1.6 to 4.1.8.
    """
    fake_BTCHW, outputs = shown
    terms: Terms = {}
    for name, critic in discriminators.computing(wanted).items():
        if name in wanted:
            assert fake_BTCHW is not None
            network = discriminators.get_submodule(name)
            terms |= critic.discriminator_terms(outputs[name], x, fake_BTCHW, network)
        real_terms = critic.real_terms_of(outputs[name], x)
        terms |= {term: value for term, value in real_terms.items() if term in wanted}
    return {name: full_precision(value) for name, value in terms.items()}


def unused_discriminator_outputs(
    shown: Discrimination, discriminators: Discriminators, trained: Collection[str]
) -> list[Tensor]:
    """Return the discriminators' outputs that no trained term depends on."""
    used = discriminators.computing(trained)
    return [output for name, output in shown.outputs.items() if name not in used]
