"""Build the networks of a run and their engines."""

from collections.abc import Mapping

import torch
from torch import nn

from emotalk.config.run import TrainConfig
from emotalk.distributed import AdamByParts, Engine, Runtime
from emotalk.errors import WrongUse
from emotalk.models import Generator
from emotalk.models.initialise import initialise
from emotalk.models.speech_filterbank import initialise_filterbank
from emotalk.models.vgg import read_vgg19
from emotalk.runs.facts import model_facts
from emotalk.seeding import draw_seed
from emotalk.training.critics import build_critics
from emotalk.training.networks import (
    Discriminators,
    Networks,
    autocast_context,
    build_features,
    learning_parts,
)


def build_networks(config: TrainConfig, runtime: Runtime) -> Networks:
    """Return the engines and frozen features on this process's device."""
    generator, critics = build_modules(config)
    features = build_features(
        config, lambda path: runtime.read_once_a_node(lambda: read_vgg19(path))
    )
    return Networks(
        generator=_engine("generator", generator, config, runtime),
        discriminators=(
            None if critics is None else _engine("discriminators", critics, config, runtime)
        ),
        features=None if features is None else features.to(runtime.device),
        autocast=autocast_context(config, runtime.device),
    )


def build_modules(config: TrainConfig) -> tuple[Generator, Discriminators | None]:
    """Return generator and discriminators, initialised by the seed alone."""
    emotions = len(model_facts(config).emotions)
    torch.manual_seed(draw_seed(config.seed, "weights", "generator") % 2**32)
    generator = Generator(**config.model.generator_arguments(emotions), check_values=False)
    initialise(generator, config.optim.init)
    if config.optim.speech_init == "filterbank":
        initialise_filterbank(generator.speech_encoder)
    torch.manual_seed(draw_seed(config.seed, "weights", "discriminators") % 2**32)
    if not config.discriminators:
        return generator, None
    critics = Discriminators(build_critics(config, emotions=emotions))
    initialise(critics, config.optim.init)
    return generator, critics


def engine_names(config: TrainConfig) -> list[str]:
    """Return the names of the engines that a run needs, the generator's first."""
    return ["generator", "discriminators"] if config.discriminators else ["generator"]


def refuse_sharded_generator(config: TrainConfig, stages: Mapping[str, int | None]) -> None:
    """Raise `WrongUse` if the run needs a whole generator that ZeRO-3 shards over processes.

    `stages` are the engines' ZeRO stages, None without DeepSpeed.
    """
    if stages["generator"] == 3 and (config.optim.ema > 0 or config.validation.clips > 0):
        raise WrongUse(
            f"runtime.deepspeed.generator={config.runtime.deepspeed.generator} is ZeRO stage 3: no "
            f"process holds the whole generator, so optim.ema ({config.optim.ema:g}) and "
            f"validation.clips ({config.validation.clips}) must be 0; or use stage 0, 1 or 2"
        )


def _engine(name: str, module: nn.Module, config: TrainConfig, runtime: Runtime) -> Engine:
    if config.runtime.channels_last:
        _to_channels_last(module)
    optim = config.optim
    adam = AdamByParts(module, learning_parts(module), betas=optim.betas, eps=optim.eps)
    return Engine(
        module,
        adam,
        runtime.accelerators[name],
        name=name,
        clip_grad_norm=optim.clip_grad_norm,
        compile_network=config.runtime.compile,
    )


def _to_channels_last(module: nn.Module) -> None:
    """Store every convolution kernel with channels last; shapes and names stay."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
