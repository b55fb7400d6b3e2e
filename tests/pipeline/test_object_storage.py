"""A training that goes on where another machine's ended, and an ETL job that copies its set."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emotalk.errors import EXIT_DONE, EXIT_FAILED
from emotalk.media.object_store import ObjectStore
from etl import shard
from tests.helpers.object_storage import Faults, object_storage
from tests.helpers.shard_set import empty_members, made_clips, write_shard_set
from tests.helpers.tiny_training import read_metrics, tiny_config, tiny_shards
from tests.helpers.train_here import train_here


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with object_storage() as faults:
        yield faults


def test_a_run_on_a_fresh_machine_ends_as_the_undisturbed_one(
    faults: Faults, tmp_path: Path
) -> None:
    """Its folder is lost after the fourth of six steps; the storage throttles meanwhile."""
    tiny_shards(tmp_path / "shards")
    train_here(tiny_config(tmp_path, f"run_dir={tmp_path / 'whole'}"))
    mirror = "checkpoint.mirror=s3://bucket/run"
    faults.next = {"PUT": ["throttle", "cut"]}
    train_here(tiny_config(tmp_path, mirror, "stages.gan.iterations=3"))
    there = ObjectStore("s3://bucket/run", "checkpoint.mirror").sizes()
    assert "step-000004/SHA256SUMS" in there
    shutil.rmtree(tmp_path / "run")
    train_here(tiny_config(tmp_path, mirror))
    lines = read_metrics(tmp_path / "run")
    assert lines == read_metrics(tmp_path / "whole")[-len(lines) :]
    assert len(lines) == 2, "the steps after the fourth"


@pytest.mark.parametrize(("code", "copied"), [(EXIT_DONE, True), (EXIT_FAILED, False)])
def test_a_finished_set_is_copied_and_a_failed_one_is_not(
    faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, copied: bool
) -> None:
    folder = write_shard_set(tmp_path / "set", [("train", made_clips(2))], members_of=empty_members)
    (tmp_path / "source").mkdir()

    def made(request: Any) -> int:
        assert request.config.output == folder
        return code

    monkeypatch.setattr(shard, "_make", made)
    url = f"s3://bucket/set{code}"
    words = [f"source={tmp_path / 'source'}", f"output={url}", f"staging={folder}"]
    assert shard.main(["configs/etl/folder.yaml", *words]) == code
    assert ("manifest.json" in ObjectStore(url, "output").sizes()) is copied
