"""Compute the loss terms of a step: from inputs and networks to named values, one a clip."""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emotalk.losses.adversarial import (
    least_squares_critic,
    least_squares_generator,
    pair_critic,
    pair_generator,
    wasserstein_critic,
    wasserstein_generator,
)
from emotalk.losses.emotion import emotion_critic, emotion_cross_entropy, emotion_generator
from emotalk.losses.gradient_penalty import gradient_penalty
from emotalk.losses.mouth_region import mouth_region_loss
from emotalk.losses.perceptual import perceptual_loss
from emotalk.losses.reconstruction import l1
from emotalk.models import GeneratorOutput
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import SPEECH_EMOTION, Networks, full_precision, masked

Terms = dict[str, Tensor]
Calls = dict[str, tuple[object, ...]]


class Judgements(NamedTuple):
    """Inputs of the discriminators' terms.

    Attributes:
        fake_BTCHW: the generated video, without a graph; None where no term needs one.
        outputs: discriminator -> its output.
    """

    fake_BTCHW: Tensor | None
    outputs: dict[str, Tensor]


def generator_terms(
    x: ClipInputs,
    made: GeneratorOutput,
    networks: Networks,
    critics: nn.Module | None,
    wanted: Collection[str],
) -> Terms:
    """Return the generator's terms, name -> value of each clip (B,), unweighted.

    Args:
        x: one micro-batch.
        made: of it by the generator's engine, so that the gradients will be averaged.
        networks: their features and their precision are used.
        critics: the bare, frozen discriminators.
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
    if critics is not None:
        terms |= _adversarial_terms(fake_BTCHW, x, networks, critics, wanted)
    return {name: full_precision(terms[name]) for name in wanted}


def unread_by_generator_terms(made: GeneratorOutput, trained: Collection[str]) -> list[Tensor]:
    """Return the generator's outputs that no trained term depends on."""
    unread = [] if set(trained) - {SPEECH_EMOTION} else [made.video_BTCHW]
    if made.emotion_logits_BE is not None and SPEECH_EMOTION not in trained:
        unread.append(made.emotion_logits_BE)
    return unread


def _adversarial_terms(
    fake_BTCHW: Tensor,
    x: ClipInputs,
    networks: Networks,
    critics: nn.Module,
    wanted: Collection[str],
) -> Terms:
    calls: Calls = {}
    if "frame" in wanted:
        calls["frame"] = (fake_BTCHW, x.image_BCHW)
    if "emotion" in wanted:
        calls["emotion"] = (fake_BTCHW,)
    if "pair" in wanted:
        calls["pair"] = (masked(fake_BTCHW, x), x.image_BCHW, x.speech_BS, x.margin_frames)
    if "temporal" in wanted:
        calls["temporal"] = (fake_BTCHW,)
    out = networks.judge(critics, calls)
    terms: Terms = {}
    if "frame" in out:
        terms["frame"] = wasserstein_generator(out["frame"])
    if "emotion" in out:
        terms["emotion"] = emotion_generator(out["emotion"], x.emotion_B)
    if "pair" in out:
        terms["pair"] = pair_generator(out["pair"])
    if "temporal" in out:
        terms["temporal"] = least_squares_generator(out["temporal"])
    return terms


def judgements(x: ClipInputs, networks: Networks, wanted: Collection[str]) -> Judgements:
    """Return the discriminators' outputs for true and generated videos, in one call of all.

    Args:
        x: one micro-batch.
        networks: the discriminators' engine is called, so that the gradients will be averaged.
        wanted: names of the terms to compute from them.
    """
    engine = networks.discriminators
    assert engine is not None, "a stage that trains discriminators has built them"
    fake_BTCHW = _imitation(x, networks) if _needs_fake(wanted) else None
    return Judgements(fake_BTCHW, networks.judge(engine, _calls(x, fake_BTCHW, wanted)))


def discriminator_terms(
    x: ClipInputs,
    judged: Judgements,
    critics: nn.Module,
    wanted: Collection[str],
    *,
    penalty_weight: float,
) -> Terms:
    """Return the discriminators' terms, name -> value of each clip (B,), unweighted.

    `frame` holds the gradient penalty times its weight already; `gradient_penalty` is beside it to
    be reported. True and generated videos pass a discriminator in one call, so that one backward
    pass meets every parameter once.

    Args:
        x: one micro-batch.
        judged: the outputs for it.
        critics: the bare discriminators. An engine would take the inner gradient of the penalty for
            its own.
        wanted: names of the terms to compute.
        penalty_weight: of the gradient penalty within `frame`.

    Source: report 4.1.6 to 4.1.8; Gulrajani et al. 2017 for the penalty.
    """
    fake_BTCHW, out = judged
    terms: Terms = {}
    if "frame" in wanted:
        assert fake_BTCHW is not None
        real_BT, fake_BT = out["frame"].chunk(2, dim=1)
        terms["gradient_penalty"] = gradient_penalty(
            critics.get_submodule("frame"), x.video_BTCHW, fake_BTCHW, x.image_BCHW, x.alpha_B
        )
        terms["frame"] = (
            wasserstein_critic(real_BT, fake_BT) + penalty_weight * terms["gradient_penalty"]
        )
    if "emotion" in wanted:
        real_BK, fake_BK = out["emotion"].chunk(2)
        terms["emotion"] = emotion_critic(real_BK, fake_BK, x.emotion_B)
    if "emotion_real" in wanted:
        terms["emotion_real"] = emotion_cross_entropy(
            out["emotion"][: len(x.emotion_B)], x.emotion_B
        )
    if "pair" in wanted:
        terms["pair"] = pair_critic(*out["pair"].chunk(3))
    if "temporal" in wanted:
        terms["temporal"] = least_squares_critic(*out["temporal"].chunk(2))
    return {name: full_precision(value) for name, value in terms.items()}


def unread_by_discriminator_terms(judged: Judgements, trained: Collection[str]) -> list[Tensor]:
    """Return the discriminators' outputs that no trained term depends on."""
    read = {part_of(term) for term in trained}
    return [output for name, output in judged.outputs.items() if name not in read]


def part_of(term: str) -> str:
    """Return the discriminator that a term of the discriminators trains."""
    return term.removesuffix("_real")


def _needs_fake(wanted: Collection[str]) -> bool:
    return any(term != "emotion_real" for term in wanted)


def _imitation(x: ClipInputs, networks: Networks) -> Tensor:
    """Return a generated video that no gradient will leave."""
    with torch.no_grad():
        return networks.generate(x, networks.generator.module).video_BTCHW


def _calls(x: ClipInputs, fake_BTCHW: Tensor | None, wanted: Collection[str]) -> Calls:
    calls: Calls = {}
    real_BTCHW = x.video_BTCHW
    if "emotion_real" in wanted:
        calls["emotion"] = (real_BTCHW,)
    if fake_BTCHW is None:
        return calls
    both_2BTCHW = torch.cat([real_BTCHW, fake_BTCHW])
    if "frame" in wanted:  # along time: the condition image's share is computed once
        calls["frame"] = (torch.cat([real_BTCHW, fake_BTCHW], dim=1), x.image_BCHW)
    if "emotion" in wanted:
        calls["emotion"] = (both_2BTCHW,)
    if "pair" in wanted:
        calls["pair"] = _pair_call(x, fake_BTCHW)
    if "temporal" in wanted:
        calls["temporal"] = (both_2BTCHW,)
    return calls


def _pair_call(x: ClipInputs, fake_BTCHW: Tensor) -> tuple[object, ...]:
    """Return true pair, generated video with its speech, true video with another clip's speech."""
    assert x.other_speech_BS is not None, "data.other_speech follows from the pair term"
    real = masked(x.video_BTCHW, x)
    videos = torch.cat([real, masked(fake_BTCHW, x), real])
    images = torch.cat([x.image_BCHW] * 3)
    speech = torch.cat([x.speech_BS, x.speech_BS, x.other_speech_BS])
    return videos, images, speech, x.margin_frames
