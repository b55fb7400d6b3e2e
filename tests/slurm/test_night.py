"""A night of the real train.py: a process is killed, another stops for good; nothing is lost."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.jobs import SLOWER, log, submit, wait_until
from tests.slurm.nodes import rank_of
from tests.slurm.test_real_training import material, status

__all__ = ["material"]

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 600)]
LIMITS = ("runtime.watchdog.step_s=20", "runtime.watchdog.checkpoint_s=20")
"""A process may stop while the others still wait for it at the end of a checkpoint."""
STEPS = ("stages.gan.iterations=30", "checkpoint.every=3", *LIMITS)
GIVEN = ("--nodes=2", "--gpus-per-node=0", "--cpus-per-task=1", "--time=30")


def train(folder: Path, run: str) -> str:
    words = ("slurm/train.sbatch", "tiny.yaml", f"run_dir={folder / run}", *STEPS)
    return submit(folder, *GIVEN, f"--output={folder}/{run}.log", *words)


def wait_for(what: Callable[[], bool], seconds: float = 200) -> None:
    deadline = time.monotonic() + SLOWER * seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "lab2, rank 1: killed by SIGKILL; starting again from step-"),
        (signal.SIGSTOP, "rank 0: hung: no progress for "),
    ],
)
def test_a_process_that_is_lost_costs_an_attempt(
    material: Path, number: signal.Signals, words: str
) -> None:
    name = f"night-{number.name}"
    run_dir = material / name
    job = train(material, name)
    wait_for((run_dir / "checkpoints" / "step-000003" / "state.json").exists)
    process = rank_of(job, 1)
    assert process is not None
    os.kill(process.pid, number)
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=400)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert words in log(job), log(job)
    assert (status(run_dir)["state"], status(run_dir)["step"]) == ("done", 31)
    for rank, node in ((0, "lab1"), (1, "lab2")):
        text = (run_dir / "logs" / f"rank-000{rank}.log").read_text(encoding="utf-8")
        assert f"[{rank} {node}] " in text
