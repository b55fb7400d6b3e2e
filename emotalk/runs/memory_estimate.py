"""Estimate the memory of a process of a run without allocating it.

The networks are built and run on tensors that have shapes and no content (torch's fake tensors);
what autograd keeps for the backward pass is added up.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from emotalk.checkpoints.format import ModelFacts
from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.distributed import Engine
from emotalk.models import Generator
from emotalk.models.modes import gradients
from emotalk.models.vgg import VGG19Features
from emotalk.schema import SAMPLES_PER_FRAME, SIZE
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import (
    Discriminators,
    Networks,
    autocast_context,
    discriminator_names,
)
from emotalk.training.objective import Terms, discriminator_terms, generator_terms, judgements

FLOAT = 4  # bytes; weights, gradients and moments are float32
# Their losses look at the labels' values, which are not there; their network is run by itself.
LABELLED = {"emotion": "emotion", "emotion_real": "emotion", "speech_emotion": ""}


@dataclass(frozen=True)
class Shadow:
    """Sizes of a run's networks, taken from networks without content.

    Attributes:
        parameters: network -> number of parameters, the generator first.
        features: number of parameters of the perceptual loss's network; 0 without one.
        activations: update -> bytes that autograd keeps for one micro-batch's backward pass.
    """

    parameters: dict[str, int]
    features: int
    activations: dict[str, int]


def shadow_run(config: TrainConfig, facts: ModelFacts) -> Shadow:
    """Return sizes and kept activations of a run's networks and updates."""
    emotions = len(facts.emotions)
    with FakeTensorMode():
        generator = Generator(**config.model.generator_arguments(emotions), check_values=False)
        names = discriminator_names(config)
        critics = Discriminators(config.model, emotions=emotions, names=names) if names else None
        features = _features(config)
        networks = Networks(
            generator=_bare(generator),
            discriminators=None if critics is None else _bare(critics),
            features=features,
            autocast=autocast_context(config, torch.device("cpu")),
        )
        x = _inputs(config, emotions, generator.noise_features)
        count = Kept((generator, critics, features))
        activations: dict[str, int] = {}
        for stage in config.stages:
            for update in stage.updates:
                bytes_kept = _activations(update, x, networks, critics, count)
                found = activations.get(update.network, 0)
                activations[update.network] = max(found, bytes_kept)
    sizes = {"generator": _size(generator)}
    if critics is not None:
        sizes |= {name: _size(module) for name, module in critics.named_children()}
    return Shadow(sizes, 0 if features is None else _size(features), activations)


class Kept:
    """Counts the bytes that autograd keeps, each storage once, without the networks' own."""

    def __init__(self, modules: tuple[nn.Module | None, ...]) -> None:
        """Leave out the parameters and buffers of `modules`."""
        self._own = {
            tensor.untyped_storage()._cdata
            for module in modules
            if module is not None
            for tensor in (*module.parameters(), *module.buffers())
        }

    def bytes_of(self, work: Callable[[], object]) -> int:
        """Return what is kept while the result of `work` lives."""
        storages: dict[int, Any] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._own:
                storages[storage._cdata] = storage  # alive, so that no other gets its number
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result = work()
        del result
        return sum(int(storage.nbytes()) for storage in storages.values())


def _activations(
    update: UpdateConfig,
    x: ClipInputs,
    networks: Networks,
    critics: Discriminators | None,
    count: Kept,
) -> int:
    learns = update.network == "discriminators"
    with nullcontext() if critics is None else gradients(critics, wanted=learns):
        return _kept_by(update, x, networks, critics, count)


def _kept_by(
    update: UpdateConfig,
    x: ClipInputs,
    networks: Networks,
    critics: Discriminators | None,
    count: Kept,
) -> int:
    terms = [name for name in update.losses if name not in LABELLED]
    judged = {LABELLED[name] for name in update.losses if LABELLED.get(name)}
    learns = update.network == "discriminators"
    total = 0
    if terms and learns:
        total += count.bytes_of(partial(_criticise, x, networks, terms))
    elif not learns:
        total += count.bytes_of(partial(_generate, x, networks, critics, terms or ["l1"]))
    for name in judged:
        assert critics is not None, "a stage that asks a discriminator has built it"
        video = x.video_BTCHW.clone().requires_grad_(not learns)
        seen = torch.cat([video, video]) if "emotion" in update.losses and learns else video
        module = critics.get_submodule(name)
        total += count.bytes_of(partial(_judge, networks, module, seen))
    return total


def _generate(
    x: ClipInputs, networks: Networks, critics: Discriminators | None, terms: Sequence[str]
) -> Terms:
    made = networks.generate(x, networks.generator)
    return generator_terms(x, made, networks, critics, terms)


def _criticise(x: ClipInputs, networks: Networks, terms: Sequence[str]) -> Terms:
    assert networks.discriminators is not None, "a stage that trains discriminators has built them"
    judged = judgements(x, networks, terms)
    critics = networks.discriminators.module
    return discriminator_terms(x, judged, critics, terms, penalty_weight=1.0)


def _judge(networks: Networks, module: nn.Module, video_BTCHW: Tensor) -> Tensor:
    with networks.autocast():
        out: Tensor = module(video_BTCHW)
        return out


def _features(config: TrainConfig) -> VGG19Features | None:
    wanted = any("generator.perceptual" in stage.terms for stage in config.stages)
    perceptual = config.losses.perceptual
    if not wanted or perceptual.network == "none":
        return None
    from emotalk.models.vgg import CHANNELS  # noqa: PLC0415

    channels = [max(1, round(size * perceptual.width)) for size in CHANNELS]
    return VGG19Features(channels=channels).requires_grad_(requires_grad=False)


def _bare(module: nn.Module) -> Engine:
    """Return what an engine is to the objectives: something to call, and the module in it."""

    class Bare:
        def __init__(self) -> None:
            self.module = module

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return module(*args, **kwargs)

    return cast(Engine, Bare())


def _inputs(config: TrainConfig, emotions: int, noise_features: int) -> ClipInputs:
    clips, frames = config.clips_a_micro_batch, config.data.frames
    margin = config.data.speech_margin_frames
    kept = max(1, round(config.losses.perceptual.frames * frames))
    video = torch.zeros(clips, frames, 3, SIZE, SIZE)
    speech = torch.zeros(clips, (frames + 2 * margin) * SAMPLES_PER_FRAME)
    weights = torch.zeros(clips, frames, SIZE, SIZE)
    return ClipInputs(
        video_BTCHW=video,
        image_BCHW=torch.zeros(clips, 3, SIZE, SIZE),
        speech_BS=speech,
        other_speech_BS=speech,
        emotion_B=torch.zeros(clips, dtype=torch.long),
        emotion_BE=torch.zeros(clips, emotions),
        noise_BTD=torch.zeros(clips, frames, noise_features),
        alpha_B=torch.zeros(clips),
        frames_BK=None if kept == frames else torch.zeros(clips, kept, dtype=torch.long),
        weights_BTHW=weights,
        mouth_BTHW=weights,
        valid_B=torch.ones(clips),
        margin_frames=margin,
        keys=("",) * clips,
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
