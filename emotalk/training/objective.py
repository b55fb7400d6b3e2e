"""Compute the loss terms of a step: from inputs and networks to named values, one a clip."""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from emotalk.config.model import discriminator_sections
from emotalk.config.stages import UpdateConfig
from emotalk.models import AnyOutput
from emotalk.training.critics import CRITICS
from emotalk.training.critics.critic import Terms
from emotalk.training.generator_terms import load_term
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Discriminators, Networks, full_precision


def generator_terms(
    x: ClipInputs,
    generated: AnyOutput,
    networks: Networks,
    discriminators: Discriminators | None,
    wanted: Collection[str],
) -> Terms:
    """Return the generator's terms, name -> value of each clip (B,), unweighted.

    Args:
        x: one micro-batch.
        generated: its output by the generator's engine, so that the gradients are averaged.
        networks: provide the features and the precision.
        discriminators: the bare module, frozen.
        wanted: names of the terms to compute.

    Source: report eq. 4.1; Eskimez et al. 2021, total generator loss.
    """
    known = {} if discriminators is None else discriminators.critics
    critics = {name: critic for name, critic in known.items() if name in wanted}
    own = {name: load_term(name) for name in wanted if name not in critics}
    in_order = sorted(own.items(), key=lambda item: item[1].order)
    terms: Terms = {name: term.compute(x, generated, networks) for name, term in in_order}
    if discriminators is not None:
        video_BTCHW = generated.video_BTCHW
        inputs = {n: critic.generated_inputs(x, video_BTCHW) for n, critic in critics.items()}
        outputs = networks.discriminate(discriminators, inputs)
        terms |= {n: critic.generator_term(outputs[n], x) for n, critic in critics.items()}
    return {name: full_precision(terms[name]) for name in wanted}


def terms_of_emotion(update: UpdateConfig) -> frozenset[str]:
    """Return the terms of an update that compare with the emotions of the clips."""
    critics = {name for name, critic in CRITICS.items() if critic.needs_emotion}
    if update.network == "generator":
        others = set(update.losses) - set(CRITICS)
        needing = critics | {name for name in others if load_term(name).needs_emotion}
    else:
        sections = dict(discriminator_sections())
        needing = critics | {term for name in critics for term in sections[name].real_terms}
    return frozenset(needing & set(update.losses))


def reads_heads_only(wanted: Collection[str]) -> bool:
    """Return whether all terms of an update read the generator's auxiliary heads alone."""
    return all(name not in CRITICS and load_term(name).reads != "video_BTCHW" for name in wanted)


def unused_generator_outputs(generated: AnyOutput, trained: Collection[str]) -> list[Tensor]:
    """Return the generator's outputs that no trained term depends on."""
    used = {"video_BTCHW" if n in CRITICS else load_term(n).reads for n in trained}
    outputs = generated._asdict().items()
    return [output for name, output in outputs if output is not None and name not in used]


class DiscriminatorOutputs(NamedTuple):
    """Hold the discriminators' outputs for true and generated videos.

    Attributes:
        fake_BTCHW: the generated videos, without a graph; None where no term needs them.
        by_name: discriminator -> its output.
    """

    fake_BTCHW: Tensor | None
    by_name: dict[str, Tensor]


def discriminate(
    x: ClipInputs, networks: Networks, wanted: Collection[str]
) -> DiscriminatorOutputs:
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
    return DiscriminatorOutputs(fake_BTCHW, networks.discriminate(networks.discriminators, inputs))


def discriminator_terms(
    x: ClipInputs,
    outputs: DiscriminatorOutputs,
    discriminators: Discriminators,
    wanted: Collection[str],
) -> Terms:
    """Return the discriminators' terms, name -> value of each clip (B,), unweighted.

    Args:
        x: one micro-batch.
        outputs: the discriminators' outputs for it.
        discriminators: the bare module.
        wanted: names of the terms to compute; a discriminator adds further values to report.

    Source: report 4.1.6 to 4.1.8.
    """
    fake_BTCHW = outputs.fake_BTCHW
    terms: Terms = {}
    for name, critic in discriminators.computing(wanted).items():
        if name in wanted:
            assert fake_BTCHW is not None
            network = discriminators.get_submodule(name)
            terms |= critic.discriminator_terms(outputs.by_name[name], x, fake_BTCHW, network)
        real_terms = critic.real_terms_of(outputs.by_name[name], x)
        terms |= {term: value for term, value in real_terms.items() if term in wanted}
    return {name: full_precision(value) for name, value in terms.items()}


def unused_discriminator_outputs(
    outputs: DiscriminatorOutputs, discriminators: Discriminators, trained: Collection[str]
) -> list[Tensor]:
    """Return the discriminators' outputs that no trained term depends on."""
    used = discriminators.computing(trained)
    return [output for name, output in outputs.by_name.items() if name not in used]
