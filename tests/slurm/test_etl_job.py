"""The ETL job: a lost node, a node without the source, a signal, and a clean end."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.jobs import ROOT, ended_well, log, submit, wait_until
from tests.slurm.test_chain import corpus

__all__ = ["corpus"]

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]
LAB = Path(os.environ.get("SLURM_CONF", "/nowhere/slurm.conf")).parent


def start(source: Path | str, folder: Path, *sbatch: str) -> str:
    options = ("--cpus-per-task=1", f"--output={folder}/%x-%j.log", *sbatch)
    words = (f"source={source}", f"output={folder / 'shards'}", "landmarks.backend=sidecar")
    return submit(ROOT, *options, "slurm/etl.sbatch", "configs/etl/crema_d.yaml", *words)


def wait_for_word(job: str, word: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while word not in log(job):
        assert time.monotonic() < deadline, log(job)
        time.sleep(0.5)


def clips(folder: Path) -> dict[str, int]:
    manifest = json.loads((folder / "shards" / "manifest.json").read_text(encoding="utf-8"))
    found: dict[str, int] = manifest["clips"]
    return found


@pytest.fixture
def second_node_comes_back() -> Iterator[None]:
    yield
    subprocess.run(["scontrol", "update", "nodename=lab2", "state=resume"], check=False)


def test_a_lost_node_is_done_without(
    corpus: Path, tmp_path: Path, second_node_comes_back: None
) -> None:
    job = start(corpus, tmp_path)
    wait_for_word(job, "2 of 2 nodes have joined")
    down = ("scontrol", "update", "nodename=lab2", "state=down", "reason=test")
    subprocess.run(down, check=True)
    end = wait_until(job, "COMPLETED", "FAILED", "NODE_FAIL", "CANCELLED", seconds=300)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "0"), log(job)
    assert (clips(tmp_path)["found"], clips(tmp_path)["accepted"]) == (12, 12)


def test_a_source_that_one_node_lacks_is_named_with_the_node(tmp_path: Path) -> None:
    """lab.sh hides this folder from lab2."""
    source = LAB / "disk" / "only-lab1"
    assert source.is_dir()
    job = start(source, tmp_path)
    end = wait_until(job)
    assert end["ExitCode"] == "2:0", log(job)
    assert f"source={source} is not there on lab2" in log(job)
    assert "--exclude=lab2" in log(job)
    alone = start(source, tmp_path / "alone", "--exclude=lab2", "--nodes=1")
    wait_until(alone, seconds=200)
    assert "is not there" not in log(alone)


def test_a_job_that_is_told_to_end_comes_back_and_finishes(corpus: Path, tmp_path: Path) -> None:
    job = start(corpus, tmp_path)
    wait_for_word(job, "2 of 2 nodes have joined")
    subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=300)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert clips(tmp_path)["accepted"] == 12
    assert not Path(f"/tmp/ray-{job}").exists()  # noqa: S108
    assert ended_well(job)
