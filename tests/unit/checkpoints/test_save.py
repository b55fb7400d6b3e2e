"""A checkpoint is whole or not there, and says so when it is not what was written."""

import errno
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from emotalk.checkpoints import save as module
from emotalk.checkpoints.folder import (
    STATE,
    checkpoints,
    latest_checkpoint,
    remove_old,
    remove_unfinished,
)
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.save import write_checkpoint
from emotalk.checkpoints.snapshot import Snapshot
from emotalk.checkpoints.train_state import TrainState
from emotalk.config.model import ModelConfig
from emotalk.distributed.adam import OptimizerState
from emotalk.files.checksums import check_all_sums

FACTS = ModelFacts(emotions=("neutral", "anger"), speech_margin_frames=0)


def snapshot(step: int) -> Snapshot:
    weights = {"a": torch.arange(6.0).reshape(2, 3) + step, "b": torch.ones(2)}
    critics = {"frame.a": torch.ones(3)}
    moments = {f"{m}.a": torch.zeros(2, 3) for m in ("exp_avg", "exp_avg_sq")}
    optimizers = {"generator": OptimizerState(moments, {"a": step})}
    return Snapshot(weights, None, critics, optimizers, TrainState(step=step))


def write(folder: Path, step: int) -> Path:
    return write_checkpoint(folder, snapshot(step), ModelConfig(), FACTS)


def test_the_hashes_are_those_of_sha256sum(tmp_path: Path) -> None:
    path = write(tmp_path, 4)
    check_all_sums(path, required=STATE)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(list(path.iterdir())) - 1


@pytest.mark.parametrize("name", ["generator.safetensors", "state.json", "model.json"])
def test_one_changed_bit_is_noticed_and_its_file_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, 4)
    data = bytearray((path / name).read_bytes())
    data[-3] ^= 1
    (path / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"damaged: {name} not as written"):
        check_all_sums(path, required=STATE)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, 4)
    (path / "generator_optimizer.safetensors").unlink()
    with pytest.raises(ValueError, match=r"damaged: generator_optimizer.safetensors"):
        check_all_sums(path, required=STATE)


def test_checkpoints_come_in_the_order_of_their_steps_however_long_the_numbers(
    tmp_path: Path,
) -> None:
    for step in (999_999, 2, 1_000_000, 10):
        write(tmp_path, step)
    names = [path.name for path in checkpoints(tmp_path)]
    assert names == ["step-000002", "step-000010", "step-999999", "step-1000000"]


def test_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    for step in range(6):
        write(tmp_path, step)
    remove_old(tmp_path, keep_last=2, best_step=1)
    assert [path.name[-1] for path in checkpoints(tmp_path)] == ["1", "4", "5"]
    assert not list(tmp_path.glob(".*.part"))


def test_what_a_killed_run_left_half_done_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, 1)
    half = tmp_path / ".step-000002.part"
    half.mkdir()
    (half / "generator.safetensors").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("the user's")
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "latest",
        "notes.txt",
        "step-000001",
    ]


@pytest.mark.parametrize("stage", ["write_model", "write_tensors", "sync"])
def test_a_full_disk_leaves_the_checkpoint_before_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    before = write(tmp_path, 2)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, stage, full)
    with pytest.raises(OSError, match=r"No space left.*one before it stays valid: .*step-000002"):
        write(tmp_path, 4)
    check_all_sums(before, required=STATE)
    assert not list(tmp_path.glob(".step*"))
    assert latest_checkpoint(tmp_path) == before


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount here")
def test_a_disk_that_is_really_full_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)],
        check=False, capture_output=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        before = write(disk, 2)
        big = replace(snapshot(4), generator={"a": torch.zeros(100_000)})
        with pytest.raises(OSError, match=r"No space left.*stays valid: .*step-000002") as full:
            write_checkpoint(disk, big, ModelConfig(), FACTS)
        assert full.value.errno == errno.ENOSPC, "by which a job knows that it may try again"
        check_all_sums(before, required=STATE)
        assert not list(disk.glob(".step*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_is_there_whole_and_the_same_stays(tmp_path: Path) -> None:
    path = write(tmp_path, 3)
    before = (path / "state.json").stat().st_ino
    assert write(tmp_path, 3) == path
    assert (path / "state.json").stat().st_ino == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "step-000003"]


@pytest.mark.parametrize("other", ["damaged", "of other weights", "a file", "empty"])
def test_what_is_there_but_not_the_same_is_set_aside(tmp_path: Path, other: str) -> None:
    path = tmp_path / "step-000003"
    if other == "a file":
        path.write_text("notes")
    elif other == "empty":
        path.mkdir()
    else:
        changed = {"a": torch.zeros(2, 3), "b": torch.ones(2)}
        write_checkpoint(tmp_path, replace(snapshot(3), generator=changed), ModelConfig(), FACTS)
        if other == "damaged":
            (path / "generator.safetensors").write_bytes(b"")
    before = {p.name: p.read_bytes() for p in [*path.glob("*"), path] if p.is_file()}
    write(tmp_path, 3)
    check_all_sums(path, required=STATE)
    assert torch.equal(load_file(path / "generator.safetensors")["a"], snapshot(3).generator["a"])
    aside = tmp_path / "damaged-step-000003"
    after = {p.name: p.read_bytes() for p in [*aside.glob("*"), aside] if p.is_file()}
    assert list(after.values()) == list(before.values())
    assert latest_checkpoint(tmp_path) == path


def test_latest_names_the_newest(tmp_path: Path) -> None:
    write(tmp_path, 1)
    path = write(tmp_path, 3)
    assert (tmp_path / "latest").read_text(encoding="utf-8").strip() == path.name
    assert json.loads((path / "state.json").read_text(encoding="utf-8"))["step"] == 3
