"""Shards of real faces, read by two processes that real launchers started."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from tests.helpers.read_as_rank import loader_of, rows_of
from tests.helpers.real_shards import CLIPS, write_real_shards
from tests.helpers.run_to_end import run_to_end
from tests.helpers.shared import shared_data
from tests.helpers.tiny_training import ROOT

pytestmark = pytest.mark.distributed
STEPS = 7  # of four clips: four epochs of the seven
READER = "tests.helpers.read_as_rank"


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shared = shared_data("data", "clips").parent.resolve()
    return write_real_shards(tmp_path_factory.mktemp("real"), shared)


@pytest.fixture(scope="module")
def alone(shards: Path) -> list[list[dict[str, Any]]]:
    """The rows of each step as one process sees them."""
    loader = loader_of(str(shards), rank=0, world_size=1, start=0, workers=0)
    return [rows_of(batch) for batch in itertools.islice(iter(loader), STEPS)]


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    rendezvous = ("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0")
    return start("torch.distributed.run", "--nproc-per-node", "2", *rendezvous, "-m", *words)


def accelerate_launch(*words: str) -> subprocess.CompletedProcess[str]:
    profile = str(ROOT / "launch" / "accelerate" / "cpu2.yaml")
    return start("accelerate.commands.launch", "--config_file", profile, "--module", *words)


def start(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return run_to_end(
        [sys.executable, "-m", *words],
        environment, cwd=ROOT,
    )  # fmt: skip


def told(out: Path) -> list[dict[str, Any]]:
    """Return what the two ranks wrote down."""
    return [json.loads((out / f"rank-{rank}.json").read_text()) for rank in range(2)]


def together(ranks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the rows of each step, the ranks' shares one after the other."""
    steps = zip(*(rank["steps"] for rank in ranks), strict=True)
    return [[row for share in shares for row in share["rows"]] for shares in steps]


def emptied(shards: Path, copy: Path) -> tuple[Path, Sample]:
    """Return a copy whose second tar holds nothing from its middle on, and the last sample there.

    The tar keeps its length, as after a copy that broke off on a file of the final size.
    """
    shutil.copytree(shards, copy)
    tar = copy / "train-000001.tar"
    size = tar.stat().st_size
    with tar.open("r+b") as file:
        file.truncate(size // 2)
        file.truncate(size)
    samples = ShardSet.open(str(copy)).split("train").samples
    return copy, [sample for sample in samples if sample.shard == 1][-1]


def test_two_ranks_see_together_what_one_process_sees(
    shards: Path, alone: list[list[dict[str, Any]]], tmp_path: Path
) -> None:
    done = torchrun(READER, str(shards), str(tmp_path), "--steps", str(STEPS))
    assert done.returncode == 0, done.stderr
    ranks = told(tmp_path)
    assert [len(rank["steps"]) for rank in ranks] == [STEPS, STEPS]
    assert together(ranks) == alone
    rows = [row for step in together(ranks) for row in step]
    assert [row["place"] for row in rows] == list(range(4 * STEPS))
    for epoch in range(4):
        keys = [row["key"] for row in rows[epoch * len(CLIPS) :][: len(CLIPS)]]
        assert len(set(keys)) == len(keys) == len(CLIPS)
    assert all(row["valid"] for row in rows)


def test_deepspeed_ranks_go_on_where_one_process_stopped(
    shards: Path, alone: list[list[dict[str, Any]]], tmp_path: Path
) -> None:
    words = ("--start", "3", "--steps", str(STEPS - 3), "--workers", "0", "--engine", "deepspeed")
    done = accelerate_launch(READER, str(shards), str(tmp_path), *words)
    assert done.returncode == 0, done.stderr
    assert together(told(tmp_path)) == alone[3:]


def test_one_process_goes_on_where_two_ranks_stopped(
    shards: Path, alone: list[list[dict[str, Any]]], tmp_path: Path
) -> None:
    done = torchrun(READER, str(shards), str(tmp_path), "--steps", "2", "--workers", "0")
    assert done.returncode == 0, done.stderr
    loader = loader_of(str(shards), rank=0, world_size=1, start=2, workers=2)
    rest = [rows_of(batch) for batch in itertools.islice(iter(loader), STEPS - 2)]
    assert together(told(tmp_path)) + rest == alone


def test_ranks_keep_step_when_clips_are_skipped(
    shards: Path, alone: list[list[dict[str, Any]]], tmp_path: Path
) -> None:
    broken, lost = emptied(shards, tmp_path / "broken")
    words = ("--steps", str(STEPS), "--on-fault", "skip")
    done = torchrun(READER, str(broken), str(tmp_path), *words)
    assert done.returncode == 0, done.stderr
    ranks = told(tmp_path)
    assert [len(rank["steps"]) for rank in ranks] == [STEPS, STEPS]
    steps = together(ranks)
    assert [[row["key"] for row in s] for s in steps] == [[row["key"] for row in s] for s in alone]
    rows = [row for step in steps for row in step]
    before = [row for step in alone for row in step]
    masked = {row["key"] for row in rows if not row["valid"]}
    assert lost.key in masked
    assert len(masked) < len(CLIPS)
    assert all(row == whole for row, whole in zip(rows, before, strict=True) if row["valid"])
    for rank in ranks:  # every rank divides by the same number of clips
        assert [s["valid"] for s in rank["steps"]] == [sum(r["valid"] for r in s) for s in steps]
    assert sum(rank["faults"] for rank in ranks) == sum(not row["valid"] for row in rows)
    assert f"sample {lost.key}" in done.stderr


def test_a_sample_that_is_not_there_ends_the_run_by_name(shards: Path, tmp_path: Path) -> None:
    broken, _ = emptied(shards, tmp_path / "broken")
    done = torchrun(READER, str(broken), str(tmp_path), "--steps", str(STEPS))
    assert done.returncode != 0
    assert "DataFault" in done.stderr
    assert "train-000001.tar, sample " in done.stderr
    assert not list(tmp_path.glob("rank-*.json"))


def test_a_tar_cut_off_ends_the_run_before_it_begins(shards: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(shards, tmp_path / "broken")
    tar = broken / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[:-5000])
    done = torchrun(READER, str(broken), str(tmp_path), "--steps", str(STEPS))
    assert done.returncode != 0
    assert "train-000001.tar has" in done.stderr
    assert "data.on_fault=skip" in done.stderr
