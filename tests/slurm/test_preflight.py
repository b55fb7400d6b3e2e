"""Nodes are examined before a training: faults are named with node and remedy, in seconds."""

import os
from pathlib import Path

import pytest

from tests.slurm.jobs import SLOWER, log, submit, wait_until
from tests.slurm.test_train_job import train_with

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 300)]
LAB = Path(os.environ.get("SLURM_CONF", "/nowhere/slurm.conf")).parent
EXAMINED = "--export=ALL,PREFLIGHT=1"


def test_sound_nodes_pass_and_leave_nothing_behind(project: Path) -> None:
    (project / "shards").mkdir()
    job = train_with(project, "end('done', 0)", EXAMINED, words=(f"shards={project}/shards",))
    assert wait_until(job, seconds=200)["JobState"] == "COMPLETED", log(job)
    assert "preflight: 2 node(s) and 0 GPU(s) examined, nothing is wrong; 16 MiB are" in log(job)
    assert not list(project.glob(".emotalk-preflight-*"))


def test_shards_that_one_node_lacks_are_named_before_anything_starts(project: Path) -> None:
    """lab.sh hides this folder from lab2."""
    words = (f"shards={LAB / 'disk' / 'only-lab1'}",)
    job = train_with(project, "end('done', 0)", EXAMINED, words=words)
    assert wait_until(job, seconds=200)["ExitCode"] == "2:0", log(job)
    assert f"lab2: {LAB}/disk/only-lab1 cannot be read" in log(job)
    assert "--exclude=lab2" in log(job)
    assert not (project / "run" / "status.json").exists()


def test_an_output_that_is_not_shared_is_named(project: Path) -> None:
    run_dir = LAB / "disk" / "run"
    options = ("--gpus-per-node=0", "--cpus-per-task=1")
    job = submit(project, *options, "slurm/preflight.sbatch", "config.yaml", f"run_dir={run_dir}")
    assert wait_until(job, seconds=200)["ExitCode"] == "2:0", log(job)
    assert "lab1: does not see what lab2 wrote" in log(job)
    assert "lab2: does not see what lab1 wrote" in log(job)
    assert not list((LAB / "disk").glob(".emotalk-preflight-*"))


def test_the_job_of_its_own_asks_for_what_it_needs(project: Path) -> None:
    job = submit(project, "--gpus-per-node=0", "slurm/preflight.sbatch", "config.yaml")
    assert wait_until(job)["ExitCode"] == "2:0"
    assert "neither run_dir=DIR nor output=DIR is given" in log(job)
