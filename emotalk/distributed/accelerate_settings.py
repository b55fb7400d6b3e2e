"""Remove settings of `accelerate config` that a training's own configuration decides.

`accelerate launch` passes these settings to every program by environment variables.
"""

import logging
import os
from collections.abc import MutableMapping

from emotalk.errors import WrongUse

LOG = logging.getLogger("emotalk.train")
DYNAMO = "ACCELERATE_DYNAMO_"
# variable -> values that change nothing, and our own setting for the same
OURS = {
    f"{DYNAMO}BACKEND": (("no",), "runtime.compile=true"),
    "ACCELERATE_MIXED_PRECISION": (("no",), "runtime.precision=bf16"),
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": (("1", "auto"), "runtime.accumulate"),
    "ACCELERATE_GRADIENT_CLIPPING": (("auto", "none"), "optim"),
}
NOT_OURS = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "parallelism_config",
}
ON = ("1", "true", "yes", "y", "on", "t")


def remove_accelerate_settings(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove accelerate's settings from the environment, with a warning for each that is active.

    Args:
        environment: changed in place.

    Raises:
        WrongUse: the settings ask for a kind of parallelism that trainings do not support.
    """
    for variable, name in NOT_OURS.items():
        if environment.get(variable, "").lower() in ON:
            raise WrongUse(
                f"accelerate's configuration asks for {name} ({variable}={environment[variable]}); "
                "runtime.engine is ddp or deepspeed: start with `accelerate launch --config_file "
                "launch/accelerate/cpu2.yaml` or another file of that folder"
            )
    for variable, (idle, ours) in OURS.items():
        value = environment.get(variable, "")
        if value and value.lower() not in idle:
            environment[variable] = idle[0]
            LOG.warning(
                "accelerate's configuration asks for %s=%s; left out, the run's own configuration "
                "decides (%s)",
                variable,
                value,
                ours,
            )
    for variable in [name for name in environment if name.startswith(DYNAMO)]:
        del environment[variable]
