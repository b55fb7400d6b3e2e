"""Collect the MLflow tags of a run: code, data and launcher."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from emotalk.checkpoints.format import DataFacts
from emotalk.config.run import TrainConfig
from emotalk.config.shards import shards_text
from emotalk.redaction import redact_tree

ROOT = Path(__file__).parents[2]
# Variable set by a launcher -> its name; accelerate starts torchrun, so it comes first.
LAUNCHERS = {
    "ACCELERATE_MIXED_PRECISION": "accelerate",
    "TORCHELASTIC_RUN_ID": "torchrun",
    "CROSS_RANK": "deepspeed",
}

PARENT = "EMOTALK_PARENT_RUN"  # what slurm/sweep.sbatch sets


def run_tags(config: TrainConfig, data: DataFacts | None, *, step: int = 0) -> dict[str, str]:
    """Return the tags of this start of the run, from `step` on, and those of the configuration."""
    return {
        **redact_tree(config.tracking.tags),
        "shards": shards_text(config.shards),
        **(_data_tags(data) if data is not None else {}),
        **dict(_commit_tags()),
        "launcher": launcher(os.environ),
        "processes": str(config.runtime.processes),
        **slurm_tags(os.environ),
        **parent_tags(os.environ),
        **({"resumed_at_step": str(step)} if step else {}),
    }


def launcher(environment: Mapping[str, str]) -> str:
    """Return this process's launcher: accelerate, torchrun, deepspeed, slurm (srun) or python."""
    for variable, name in LAUNCHERS.items():
        if variable in environment:
            return name
    return "slurm" if "SLURM_PROCID" in environment else "python"


def slurm_tags(environment: Mapping[str, str]) -> dict[str, str]:
    """Return id, name, nodes and restarts of the Slurm job; empty outside a job."""
    names = ("SLURM_JOB_ID", "SLURM_JOB_NAME", "SLURM_JOB_NODELIST", "SLURM_RESTART_COUNT")
    return {name.lower(): environment[name] for name in names if name in environment}


def parent_tags(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the tag under which MLflow shows the run below its sweep's; empty outside a sweep."""
    parent = environment.get(PARENT, "")
    return {"mlflow.parentRunId": parent} if parent else {}


def _data_tags(data: DataFacts) -> dict[str, str]:
    return {
        "manifest_sha256": data.manifest_sha256,
        "corpus": data.corpus,
        "training_clips": str(data.clips),
        **{f"manifest_sha256.{part.name}": part.manifest_sha256 for part in data.sets},
        **{f"training_clips.{part.name}": str(part.clips) for part in data.sets},
    }


def _commit_tags() -> Iterator[tuple[str, str]]:
    commit = _git("rev-parse", "HEAD")
    if commit:
        yield "git_commit", commit
        yield "git_changes", "yes" if _git("status", "--porcelain", "-uno") else "none"
        yield "mlflow.source.git.commit", commit  # MLflow's page shows this one by itself
        yield "mlflow.source.name", "train.py"


def _git(*words: str) -> str:
    try:
        out = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return out.stdout.strip()
