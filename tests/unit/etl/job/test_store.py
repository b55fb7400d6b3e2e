"""What was finished is used again only if it is, byte for byte, what was written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emotalk.errors import Stopped
from emotalk.shards.manifest import ShardEntry
from etl.job.store import (
    Verdict,
    load_members,
    load_shard,
    load_verdict,
    save_clip,
    save_shard,
)

SOURCE = (10, 20)
FACE = ((1.5, 2.5), (3.0, 4.0))
VERDICT = Verdict("1001_A", "VideoFlash/1001_A.flv", SOURCE, 25, FACE, sha256="ab")
MEMBERS = {"mp4": b"picture" * 50, "flac": b"sound"}
ENTRY = ShardEntry(
    file="train-000000.tar", split="train", samples=1, frames=25, bytes=10240, sha256="0" * 64,
    index_sha256="1" * 64,
)  # fmt: skip


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_a_finished_clip_is_found_again_with_its_members(tmp_path: Path) -> None:
    assert load_verdict(tmp_path, "1001_A", SOURCE) is None
    save_clip(tmp_path, VERDICT, MEMBERS)
    assert load_verdict(tmp_path, "1001_A", SOURCE) == VERDICT
    assert load_members(tmp_path, "1001_A") == MEMBERS
    assert [path.name for path in tmp_path.iterdir()] == ["1001_A.clip"]


def test_a_clip_made_of_another_file_counts_as_not_finished(tmp_path: Path) -> None:
    save_clip(tmp_path, VERDICT, MEMBERS)
    assert load_verdict(tmp_path, "1001_A", (10, 21)) is None


@pytest.mark.parametrize("spoil", [flip, cut, empty])
def test_a_damaged_clip_counts_as_not_finished(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    save_clip(tmp_path, VERDICT, MEMBERS)
    spoil(tmp_path / "1001_A.clip")
    assert load_verdict(tmp_path, "1001_A", SOURCE) is None
    with pytest.raises(Stopped, match=r"1001_A\.clip: damaged .* start again"):
        load_members(tmp_path, "1001_A")


def test_a_shard_is_known_by_what_it_was_made_of(tmp_path: Path) -> None:
    save_shard(tmp_path, "recipe", ENTRY)
    assert load_shard(tmp_path, "train-000000.tar", "recipe") == ENTRY
    assert load_shard(tmp_path, "train-000000.tar", "another") is None
    assert load_shard(tmp_path, "train-000001.tar", "recipe") is None
    flip(tmp_path / "train-000000.tar.shard")
    assert load_shard(tmp_path, "train-000000.tar", "recipe") is None
