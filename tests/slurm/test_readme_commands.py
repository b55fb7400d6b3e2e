"""Slurm takes every job that a README prints, and chain.sh every chain."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.helpers.readme_commands import Command, commands
from tests.slurm.jobs import ROOT, SLOWER, queued
from tests.slurm.test_chain import corpus

__all__ = ["corpus"]

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 240)]
JOBS = [command for command in commands() if command.line.startswith("sbatch ")]
CHAINS = [command for command in commands() if "slurm/chain.sh " in command.line]
# The lab has two nodes of four GPUs and 32 CPUs; no test has photographs, a landmark pack
# or VGG-19's weights.
SIZES = {"--nodes=4": "--nodes=2", "--gpus-per-node=8": "--gpus-per-node=4"}


@pytest.mark.parametrize("command", JOBS, ids=str)
def test_slurm_takes_the_job(command: Command) -> None:
    words = [SIZES.get(word, word) for word in shlex.split(command.line)]
    test = [words[0], "--test-only", *words[1:]]
    done = subprocess.run(test, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in words:
        if word.startswith("configs/"):
            assert (ROOT / word).exists()


@pytest.mark.parametrize("command", CHAINS, ids=str)
def test_the_chain_is_queued(command: Command, corpus: Path, tmp_path: Path) -> None:
    places = {
        "/data/CREMA-D": corpus,
        "/scratch/drawn": corpus,
        "SOURCE": corpus,
        "/scratch/work": tmp_path,
        "/scratch/try": tmp_path,
        "WORK": tmp_path,
    }
    words = shlex.split(command.line)
    settings = dict(os.environ)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        settings[name] = " ".join(SIZES.get(word, word) for word in value.split())
    for name in ("ETL_OPTIONS", "TRAIN_OPTIONS", "EVALUATE_OPTIONS"):
        settings[name] = f"{settings.get(name, '')} --hold --output={tmp_path}/%x-%j.log"
    settings["ETL_SETTINGS"] = f"{settings.get('ETL_SETTINGS', '')} landmarks.backend=sidecar"
    filled = [str(places.get(word, word)) for word in words]
    before = queued()
    done = subprocess.run(
        ["bash", *filled, "losses.perceptual.network=random"],
        cwd=ROOT, env=settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    jobs = re.findall(r"job (\d+)", done.stdout)
    subprocess.run(["scancel", *jobs], check=bool(jobs))
    assert done.returncode == 0, done.stderr
    assert len(jobs) == 3
    assert queued() <= before | set(jobs)
