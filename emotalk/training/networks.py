"""The networks of a run: the generator's engine, the discriminators' engine, what they share."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotalk.config.losses import vgg19_file
from emotalk.config.model import ModelConfig
from emotalk.config.run import TrainConfig
from emotalk.distributed import Engine
from emotalk.losses.mouth_region import mouth_masked
from emotalk.models import (
    EmotionDiscriminator,
    FrameDiscriminator,
    GeneratorOutput,
    PairDiscriminator,
    TemporalDiscriminator,
)
from emotalk.models.vgg import CHANNELS, VGG19Features, load_vgg19, random_vgg19
from emotalk.training.input_preparation import ClipInputs

IDLE = "idle"  # beside the outputs: a zero that reaches the discriminators not called
GENERATOR, SPEECH_EMOTION = "generator", "speech_emotion"  # parts of the generator that learn apart


class Discriminators(nn.Module):
    """All discriminators of a run in one container: one engine, one optimiser, one checkpoint.

    Holds only those that some stage asks for.
    """

    def __init__(self, config: ModelConfig, *, emotions: int, names: set[str]) -> None:
        """Build the discriminators of `names`: frame, emotion, pair, temporal."""
        super().__init__()
        makers: dict[str, Callable[[], nn.Module]] = {
            "frame": lambda: FrameDiscriminator(**config.frame_arguments()),
            "emotion": lambda: EmotionDiscriminator(**config.emotion_arguments(emotions)),
            "pair": lambda: PairDiscriminator(**config.pair_arguments()),
            "temporal": lambda: TemporalDiscriminator(**config.temporal_arguments()),
        }
        for name, make in makers.items():
            if name in names:
                self.add_module(name, make())

    def forward(self, calls: dict[str, tuple[object, ...]]) -> dict[str, Tensor]:
        """Return the output of each discriminator named in `calls` for its arguments.

        One call for all. Where some that learn are not called, `IDLE` holds a zero that depends on
        their parameters, so that one backward pass can reach every parameter.
        """
        outputs: dict[str, Tensor] = {
            name: self.get_submodule(name)(*args) for name, args in calls.items()
        }
        idle = [module for name, module in self.named_children() if name not in calls]
        learning = [p for module in idle for p in module.parameters() if p.requires_grad]
        if learning:
            outputs[IDLE] = torch.stack([p.sum() for p in learning]).sum() * 0.0
        return outputs


@dataclass(frozen=True)
class Networks:
    """Both engines and the frozen features.

    Attributes:
        discriminators: None where no stage asks for one.
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
        both = (self.generator, self.discriminators)
        return {engine.name: engine for engine in both if engine is not None}

    def generate(self, x: ClipInputs, generator: Callable[..., GeneratorOutput]) -> GeneratorOutput:
        """Return the generated video of `x` in full precision, by the engine or a bare module."""
        with self.autocast():
            out = generator(x.image_BCHW, x.speech_BS, x.emotion_BE, x.noise_BTD, x.margin_frames)
        logits = out.emotion_logits_BE
        return GeneratorOutput(
            full_precision(out.video_BTCHW), None if logits is None else full_precision(logits)
        )

    def judge(
        self, discriminators: Callable[..., dict[str, Tensor]], calls: dict[str, tuple[object, ...]]
    ) -> dict[str, Tensor]:
        """Return the discriminators' outputs in full precision."""
        with self.autocast():
            outputs = discriminators(calls)
        return {name: full_precision(output) for name, output in outputs.items()}


def full_precision(values: Tensor) -> Tensor:
    """Return `values` in float32 at least: what autocast made in bfloat16 is widened."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def learning_parts(module: nn.Module) -> dict[str, list[nn.Module]]:
    """Return the parts of a network that need not learn in the same steps, by name.

    Each discriminator is one; of the generator the guess of the emotion from the speech is.
    """
    children = dict(module.named_children())
    if isinstance(module, Discriminators):
        return {name: [child] for name, child in children.items()}
    head = children.pop(SPEECH_EMOTION, None)
    parts = {GENERATOR: list(children.values())}
    return parts if head is None else {**parts, SPEECH_EMOTION: [head]}


def discriminator_names(config: TrainConfig) -> set[str]:
    """Return the discriminators that some stage trains or asks."""
    wanted: set[str] = set()
    for stage in config.stages:
        for update in stage.updates:
            for term in update.losses:
                name = term.removesuffix("_real")
                if name in ("frame", "emotion", "pair", "temporal"):
                    wanted.add(name)
    return wanted


def build_features(config: TrainConfig) -> VGG19Features | None:
    """Return the perceptual loss's frozen features, or None where no stage asks for them."""
    perceptual = config.losses.perceptual
    wanted = any("generator.perceptual" in stage.terms for stage in config.stages)
    if not wanted or perceptual.network == "none":
        return None
    order, statistics = perceptual.order, perceptual.statistics
    if perceptual.network == "random":
        channels = [max(1, round(size * perceptual.width)) for size in CHANNELS]
        return random_vgg19(config.seed, order=order, statistics=statistics, channels=channels)
    weights = perceptual.weights or vgg19_file()
    return load_vgg19(weights, order=order, statistics=statistics)


def autocast_context(
    config: TrainConfig, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    """Return the maker of the context networks compute in: bf16 autocast, or nothing."""
    if config.runtime.precision == "fp32":
        return nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def masked(video_BTCHW: Tensor, x: ClipInputs) -> Tensor:
    """Return the video of which the pair discriminator sees only the mouth."""
    return mouth_masked(video_BTCHW, x.mouth_BTHW)
