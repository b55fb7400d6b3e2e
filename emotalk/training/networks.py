"""Define the networks of a run: both engines, the container of discriminators, frozen features."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from emotalk.config.losses import vgg19_file
from emotalk.config.run import TrainConfig
from emotalk.distributed import Engine
from emotalk.models import AnyOutput, GeneratorOutput, OutputWithMouth
from emotalk.models.generator import HEADS
from emotalk.models.idle_parameters import idle_zero
from emotalk.models.vgg import (
    CHANNELS,
    VGG19Features,
    random_vgg19,
    read_vgg19,
    trained_vgg19,
)
from emotalk.training.critics.critic import Critic, Inputs
from emotalk.training.input_preparation import ClipInputs

IDLE = "idle"  # key of a zero that depends on the discriminators that are not called
GENERATOR = "generator"  # the part of the generator that makes the video


class Discriminators(nn.Module):
    """Hold all discriminators of a run in one container: one engine, one optimiser, one checkpoint.

    Args:
        critics: name -> discriminator, in the order in which their weights are drawn.
    """

    def __init__(self, critics: Mapping[str, Critic]) -> None:
        super().__init__()
        self.critics = dict(critics)
        for name, critic in critics.items():
            self.add_module(name, critic.network_class(**critic.arguments()))

    def computing(self, terms: Collection[str]) -> dict[str, Critic]:
        """Return the discriminators that compute some of `terms`, by name."""
        return {name: critic for name, critic in self.critics.items() if critic.terms & {*terms}}

    def forward(self, inputs: Mapping[str, Inputs]) -> dict[str, Tensor]:
        """Return the output of each discriminator named in `inputs`.

        Discriminators that learn and are not called give `IDLE`, a zero that depends on their
        parameters, so that one backward pass can reach every parameter.
        """
        outputs: dict[str, Tensor] = {
            name: self.get_submodule(name)(*arguments) for name, arguments in inputs.items()
        }
        idle = [module for name, module in self.named_children() if name not in inputs]
        zero = idle_zero(idle)
        if zero is not None:
            outputs[IDLE] = zero
        return outputs


@dataclass(frozen=True)
class Networks:
    """Hold both engines and the frozen features.

    Attributes:
        discriminators: the engine of a `Discriminators`; None if no stage uses one.
        features: VGG-19 of the perceptual loss, or None.
        autocast: context in which networks compute.
    """

    generator: Engine
    discriminators: Engine | None
    features: VGG19Features | None
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext

    @property
    def engines(self) -> dict[str, Engine]:
        """Return name -> engine, the generator's first."""
        found = (self.generator, self.discriminators)
        return {engine.name: engine for engine in found if engine is not None}

    @property
    def bare_discriminators(self) -> Discriminators:
        """Return the discriminators without the wrapper of their engine."""
        assert self.discriminators is not None, "a stage that trains discriminators has built them"
        assert isinstance(self.discriminators.module, Discriminators)
        return self.discriminators.module

    @contextmanager
    def frozen_discriminators(self) -> Iterator[Discriminators | None]:
        """Yield the bare discriminators, if there are any; autograd ignores their parameters."""
        if self.discriminators is None:
            yield None
            return
        with self.discriminators.frozen():
            yield self.bare_discriminators

    def generate(
        self,
        x: ClipInputs,
        generator: Callable[..., AnyOutput],
        *,
        heads_only: bool = False,
    ) -> AnyOutput:
        """Return the generator's output for `x` in full precision, by the engine or a bare module.

        With `heads_only` the video has no frames.
        """
        inputs = (x.image_BCHW, x.speech_BS, x.emotion_BE, x.noise_BTD, x.margin_frames)
        options: dict[str, object] = {"heads_only": True} if heads_only else {}
        if x.preceding is not None:
            options["preceding"] = x.preceding
        with self.autocast():
            out = generator(*inputs, **options)
        logits = out.emotion_logits_BE
        exact = GeneratorOutput(
            full_precision(out.video_BTCHW), None if logits is None else full_precision(logits)
        )
        if isinstance(out, OutputWithMouth):
            return OutputWithMouth(*exact, full_precision(out.mouth_BTLP))
        return exact

    def discriminate(
        self,
        discriminators: Callable[..., dict[str, Tensor]],
        inputs: Mapping[str, Inputs],
    ) -> dict[str, Tensor]:
        """Return the discriminators' outputs in full precision, by the engine or a bare module."""
        with self.autocast():
            outputs = discriminators(inputs)
        return {name: full_precision(output) for name, output in outputs.items()}


def full_precision(values: Tensor) -> Tensor:
    """Return `values` in float32 or wider; autocast computes some in bfloat16."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def learning_parts(module: nn.Module) -> dict[str, list[nn.Module]]:
    """Return the parts of a network that may be updated in different steps, by name.

    Each discriminator is one part. So is each auxiliary head of the generator, and the rest of it.
    """
    children = dict(module.named_children())
    if isinstance(module, Discriminators):
        return {name: [child] for name, child in children.items()}
    heads = {name: [children.pop(name)] for name in HEADS if name in children}
    return {GENERATOR: list(children.values()), **heads}


def build_features(
    config: TrainConfig, read: Callable[[Path], Mapping[str, Tensor]] = read_vgg19
) -> VGG19Features | None:
    """Return the perceptual loss's frozen features, or None if no stage uses them.

    `read` returns the weights of a file, as `read_vgg19` does.
    """
    perceptual = config.losses.perceptual
    wanted = any("generator.perceptual" in stage.terms for stage in config.stages)
    if not wanted or perceptual.network == "none":
        return None
    order, statistics = perceptual.order, perceptual.statistics
    if perceptual.network == "random":
        channels = [max(1, round(size * perceptual.width)) for size in CHANNELS]
        return random_vgg19(config.seed, order=order, statistics=statistics, channels=channels)
    weights = read(perceptual.weights or vgg19_file())
    return trained_vgg19(weights, order=order, statistics=statistics)


def autocast_context(
    config: TrainConfig, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    """Return a factory of the context that networks compute in: bf16 autocast or none."""
    if config.runtime.precision == "fp32":
        return nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)
