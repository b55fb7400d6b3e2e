"""Build DeepSpeed's settings from files of ZeRO options and the training configuration."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import DeepSpeedPlugin

from emotalk.config.runtime import DeepSpeedConfig
from emotalk.errors import WrongUse

# Set by the training configuration and by nothing else.
OURS = (
    "train_batch_size",
    "train_micro_batch_size_per_gpu",
    "gradient_accumulation_steps",
    "gradient_clipping",
    "optimizer",
    "scheduler",
    "fp16",
    "bf16",
)


def plugins(config: DeepSpeedConfig, engines: Sequence[str]) -> dict[str, DeepSpeedPlugin]:
    """Return one DeepSpeed plugin for each engine, from the files the configuration names."""
    settings = engine_settings(config, engines)
    return {name: DeepSpeedPlugin(hf_ds_config=one) for name, one in settings.items()}


def engine_settings(config: DeepSpeedConfig, engines: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return DeepSpeed's full settings of each engine.

    Raises:
        WrongUse: a file cannot be used, or an engine cannot train at its ZeRO stage.
    """
    files = {"generator": config.generator, "discriminators": config.discriminators}
    settings = {name: zero_settings(files[name]) for name in engines}
    if "discriminators" in settings and stage_of(settings["discriminators"]) == 3:
        raise WrongUse(
            f"runtime.deepspeed.discriminators={config.discriminators} is ZeRO stage 3, under "
            "which the gradient penalty cannot be computed; use stage 0, 1 or 2"
        )
    return settings


def stage_of(settings: dict[str, Any]) -> int:
    """Return the ZeRO stage of an engine's settings."""
    return int(settings.get("zero_optimization", {}).get("stage", 0))


def zero_settings(path: Path) -> dict[str, Any]:
    """Return DeepSpeed's full settings from a file of ZeRO options.

    Raises:
        WrongUse: the file cannot be read, or holds settings of the training configuration.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUse(
            f"runtime.deepspeed: cannot read {path}: {error}; ready ones are in launch/deepspeed"
        ) from None
    misplaced = sorted(set(given) & set(OURS))
    if misplaced:
        raise WrongUse(
            f"{path}: {', '.join(misplaced)} belong in the training configuration "
            "(data.batch_size, runtime.accumulate, optim), not in DeepSpeed's file"
        )
    return {
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        **given,
        # Losses reach the engines already divided, and gradients are already clipped.
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": 0.0,
    }
