"""Measure the memory of a run's steps by running them on tensors without content."""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from emotalk.config.run import TrainConfig
from emotalk.config.stages import UpdateConfig
from emotalk.distributed import Engine, UpdateGuard
from emotalk.models.generator import PrecedingSpeech
from emotalk.runs.facts import model_facts
from emotalk.runs.networks import build_modules
from emotalk.runs.peak_memory import PeakMemory
from emotalk.schema import LANDMARKS, SAMPLES_PER_FRAME, SIZE
from emotalk.training.global_mean import GlobalMean
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks, autocast_context, build_features
from emotalk.training.steps import discriminator_step, generator_step


@dataclass(frozen=True)
class RunSizes:
    """Sizes of a run's networks and steps."""

    parameters: dict[str, int]  # network -> number of parameters, the generator first
    features: int  # number of parameters of the perceptual network; 0 without one
    # network that learns -> peak of the bytes that one micro-batch of its update takes, besides
    # weights and gradients
    activations: dict[str, int]


def measure_sizes(config: TrainConfig) -> RunSizes:
    """Return the sizes of a run's networks and the peak memory of its updates."""
    with FakeTensorMode():
        generator, critics = build_modules(config)
        features = build_features(without_weights(config))
        networks = Networks(
            generator=FakeEngine("generator", generator),
            discriminators=None if critics is None else FakeEngine("discriminators", critics),
            features=features,
            autocast=autocast_context(config, torch.device("cpu")),
        )
        for engine in networks.engines.values():
            for parameter in engine.module.parameters():
                parameter.grad = torch.zeros_like(parameter)
        activations: dict[str, int] = {}
        for update in largest_updates([u for stage in config.stages for u in stage.updates]):
            x = partial(blank_inputs, config, generator.noise_features)
            peak = _peak_of(update, x, networks)
            activations[update.network] = max(peak, activations.get(update.network, 0))
    sizes = {"generator": _size(generator)}
    if critics is not None:
        sizes |= {name: _size(module) for name, module in critics.named_children()}
    return RunSizes(sizes, 0 if features is None else _size(features), activations)


def largest_updates(updates: Iterable[UpdateConfig]) -> list[UpdateConfig]:
    """Return the updates whose terms are not among those of another update of the same network.

    An update takes no less memory than one with a part of its terms. Learning rates do not matter.
    """
    kept: list[UpdateConfig] = []
    for update in updates:
        if not any(_holds(other, update) for other in kept):
            kept = [other for other in kept if not _holds(update, other)] + [update]
    return kept


def _holds(update: UpdateConfig, other: UpdateConfig) -> bool:
    """Return whether an update trains what another one trains, and reports what it reports."""
    terms, others = update.losses, other.losses
    return update.network == other.network and all(
        terms.get(term, 0.0) > 0 if weight else term in terms for term, weight in others.items()
    )


class FakeEngine(Engine):
    """An engine of one process whose step changes nothing."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name, self.module = name, module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network."""
        return self.module(*args, **kwargs)

    def micro_batch(self, *, last: bool) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        del last
        return nullcontext()

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Add the gradients of `loss` to those of the parameters."""
        del last
        loss.backward()  # type: ignore[no-untyped-call]

    def learning(self, parts: Collection[str]) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        del parts
        return nullcontext()

    def step(self, *, lr: float, guard: UpdateGuard | None = None) -> float:
        """Return a gradient norm of 0."""
        del lr, guard
        return 0.0


def _peak_of(update: UpdateConfig, inputs: Callable[[], ClipInputs], networks: Networks) -> int:
    """Return the peak of the bytes that one micro-batch of an update takes."""
    modules = [engine.module for engine in networks.engines.values()]
    modules += [] if networks.features is None else [networks.features]
    weights = [t for m in modules for t in (*m.parameters(), *m.buffers())]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    with PeakMemory((*weights, *gradients)) as memory:
        x = [inputs()]
        mean = GlobalMean(len(x[0].keys), 1)
        if update.network == "generator":
            generator_step(x, networks, update, mean, update.lr)
        else:
            discriminator_step(x, networks, update, mean, update.lr)
    return int(memory.peak)


def without_weights(config: TrainConfig) -> TrainConfig:
    """Return the configuration with an untrained VGG-19, which has the same sizes and no file."""
    perceptual = config.losses.perceptual
    if perceptual.network != "vgg19":
        return config
    untrained = perceptual.model_copy(update={"network": "random", "weights": None})
    losses = config.losses.model_copy(update={"perceptual": untrained})
    return config.model_copy(update={"losses": losses})


def blank_inputs(config: TrainConfig, noise_features: int) -> ClipInputs:
    """Return a micro-batch without content, of the shapes that the configuration asks for."""
    clips, frames = config.clips_a_micro_batch, config.data.frames
    margin = config.data.speech_margin_frames
    samples = (frames + 2 * margin) * SAMPLES_PER_FRAME
    kept = config.losses.perceptual.frames_of(frames)
    emotions = len(model_facts(config).emotions)
    return ClipInputs(
        video_BTCHW=torch.zeros(clips, frames, 3, SIZE, SIZE),
        image_BCHW=torch.zeros(clips, 3, SIZE, SIZE),
        speech_BS=torch.zeros(clips, samples),
        other_speech_BS=torch.zeros(clips, samples),
        emotion_B=torch.zeros(clips, dtype=torch.long),
        emotion_BE=torch.zeros(clips, emotions),
        noise_BTD=torch.zeros(clips, frames, noise_features),
        alpha_B=torch.zeros(clips),
        frames_BK=None if kept == frames else torch.zeros(clips, kept, dtype=torch.long),
        weights_BTHW=torch.zeros(clips, frames, SIZE, SIZE),
        mouth_BTHW=torch.zeros(clips, frames, SIZE, SIZE),
        landmarks_BTLP=torch.zeros(clips, frames, LANDMARKS, 2),
        valid_B=torch.ones(clips),
        margin_frames=margin,
        keys=("",) * clips,
        preceding=None
        if config.data.preceding_speech == 0
        else PrecedingSpeech(torch.zeros(clips, samples), torch.ones(clips)),
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
