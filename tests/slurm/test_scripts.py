"""Slurm itself accepts every batch script's options, partitions and sizes."""

import subprocess
from pathlib import Path

import pytest

from tests.slurm.jobs import ROOT

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize("script", sorted((ROOT / "slurm").glob("*.sbatch")), ids=lambda p: p.name)
def test_slurm_takes_the_script(script: Path) -> None:
    done = subprocess.run(
        ["sbatch", "--test-only", str(script), "configs/train/demo.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "to start at" in done.stderr
