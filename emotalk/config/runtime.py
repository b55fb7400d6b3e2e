"""Configure processes, precision and engines: how a training is computed."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from emotalk.config.section import Count, NonNegative, Positive, Section


class DeepSpeedConfig(Section):
    """Configure ZeRO for the two engines, by files with DeepSpeed's own settings."""

    generator: Path = Path("launch/deepspeed/zero2.json")
    discriminators: Path = Path("launch/deepspeed/zero2.json")


class WatchdogConfig(Section):
    """Configure after how many seconds without progress a process ends as hung; 0 = never."""

    setup_s: NonNegative = 1800.0  # from the start to the first step
    step_s: NonNegative = 1800.0  # one step
    validation_s: NonNegative = 7200.0  # one validation
    checkpoint_s: NonNegative = 1800.0  # copying the state; waiting for the checkpoint before


class RuntimeConfig(Section):
    """Configure devices, precision and processes."""

    processes: Count = 1  # number of processes that the launcher must start
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: Literal["ddp", "deepspeed"] = "ddp"
    deepspeed: DeepSpeedConfig = DeepSpeedConfig()
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16: autocast on the device
    channels_last: bool = False
    compile: bool = False
    accumulate: Count = 1  # micro-batches a step; the global batch stays data.batch_size
    threads: int = Field(default=0, ge=0)  # torch threads a process; 0 = cores / local processes
    deterministic: bool = False  # deterministic kernels: slower on CUDA
    timeout_s: Positive = 7200.0  # longest wait of a collective operation for other processes
    watchdog: WatchdogConfig = WatchdogConfig()

    @model_validator(mode="after")
    def _compile_goes_with_ddp(self) -> "RuntimeConfig":
        if self.engine == "deepspeed" and self.compile:
            raise ValueError(
                "runtime.compile does not go with runtime.engine=deepspeed; use engine=ddp"
            )
        return self
