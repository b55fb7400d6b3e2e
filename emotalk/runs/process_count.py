"""Check the number of launched processes and suggest a command that fits the batch."""

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse

PROCESSES, ACCUMULATE = "runtime.processes", "runtime.accumulate"
WITHOUT_WEIGHTS = "losses.perceptual.network=random"


def refuse_misfit_launch(config: TrainConfig, path: Path, words: Sequence[str]) -> None:
    """Raise `WrongUse` if the number of launched processes is not the configured one.

    The message holds a command that starts a number of processes that divides the batch.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started == config.runtime.processes:
        return
    wanted = config.runtime.processes if started == 1 else started
    raise WrongUse(
        f"runtime.processes is {config.runtime.processes}, but the launcher started {started} "
        "(`accelerate launch --cpu --num_processes N` starts one, whatever N is); "
        + _offer(path, words, config.data.batch_size, wanted)
    )


def fitting_advice(path: Path, words: Sequence[str]) -> str:
    """Return a command that fits, or "" if a configuration has other faults than process numbers.

    Missing weights of VGG-19 are ignored, because they can be fetched.
    """
    one = [f"{PROCESSES}=1", f"{ACCUMULATE}=1"]
    single, fetched = _loaded(path, [*words, *one]), True
    if single is None and _loaded(path, [*words, WITHOUT_WEIGHTS]) is None:
        single, fetched = _loaded(path, [*words, *one, WITHOUT_WEIGHTS]), False
    if single is None:
        return ""
    named = [word.partition("=")[2] for word in words if word.startswith(f"{PROCESSES}=")]
    try:
        launched = int(named[-1] if named else os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        return ""
    return "\n" + _offer(path, words, single.data.batch_size, launched, fetched=fetched)


def _loaded(path: Path, words: Sequence[str]) -> TrainConfig | None:
    """Return the configuration, or None if it is invalid."""
    try:
        return load_config(TrainConfig, path, words)
    except WrongUse:
        return None


def largest_fit(batch_size: int, processes: int) -> int:
    """Return the largest number up to `processes` that divides the batch."""
    return max(n for n in range(1, max(1, processes) + 1) if batch_size % n == 0)


def _offer(
    path: Path, words: Sequence[str], batch_size: int, launched: int, *, fetched: bool = True
) -> str:
    fit = largest_fit(batch_size, launched)
    kept = [word for word in words if not word.startswith(f"{PROCESSES}=")]
    kept.append(f"{PROCESSES}={fit}")
    if _loaded(path, [*kept, *([] if fetched else [WITHOUT_WEIGHTS])]) is None:
        # the micro-batches may not divide the share of a process
        kept = [word for word in kept if not word.startswith(f"{ACCUMULATE}=")]
        kept.append(f"{ACCUMULATE}=1")
    many = f"{fit} processes share" if fit > 1 else "one process takes"
    command = launch_command(path, kept, fit)
    first = "" if fetched else ", after `emotalk fetch vgg19`,"
    return f"{many} the batch of {batch_size} clips (data.batch_size){first} with\n  {command}"


def launch_command(path: Path, words: Sequence[str], processes: int) -> str:
    """Return the command that starts this number of processes, by sbatch inside a Slurm job."""
    arguments = [str(path), *words]
    if "SLURM_JOB_ID" in os.environ:
        arguments = [word for word in arguments if not word.startswith(f"{PROCESSES}=")]
        size = [f"--gpus-per-node={processes}"]
        if not os.environ.get("SLURM_GPUS_ON_NODE"):
            size = ["--gpus-per-node=0", f"--export=ALL,PROCESSES_PER_NODE={processes}"]
        return shlex.join(["sbatch", "--nodes=1", *size, "slurm/train.sbatch", *arguments])
    gpu = shutil.which("nvidia-smi") is not None
    single, several = ("gpu1", "gpu_ddp") if gpu else ("cpu1", "cpu2")
    profile = f"launch/accelerate/{single if processes == 1 else several}.yaml"
    number = ["--num_processes", str(processes)] if processes > 1 else []
    launch = ["accelerate", "launch", "--config_file", profile, *number, "train.py"]
    return shlex.join([*launch, *arguments])
