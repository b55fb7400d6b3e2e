"""What was finished is used again only if it is, byte for byte, what was written."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotalk.shards.manifest import ShardEntry
from emotalk.shards.measures import MEASURES
from etl.job.store import (
    DamagedClip,
    clip_path,
    finished_keys,
    load_members,
    load_shard,
    load_verdict,
    save_clip,
    save_shard,
)
from etl.job.verdict import Verdict, pack_face

SOURCE = (10, 20)
OWN_READ = 150  # bytes of /proc/self/io itself
FACE = pack_face(np.arange(136.0).reshape(68, 2) / 7)
VERDICT = Verdict("1001_A", "VideoFlash/1001_A.flv", SOURCE, 25, FACE, sha256="ab")
MEMBERS = {"mp4": b"picture" * 50, "flac": b"sound"}
ENTRY = ShardEntry(
    file="train-000000.tar", split="train", samples=1, frames=25, bytes=10240, sha256="0" * 64,
    index_sha256="1" * 64,
)  # fmt: skip


def read_bytes() -> int:
    """Return how many bytes this process has read from files."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def flip(path: Path, place: int = 100) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
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
    (folder,) = tmp_path.iterdir()
    assert [path.name for path in folder.iterdir()] == ["1001_A.clip"]
    assert list(finished_keys(tmp_path)) == ["1001_A"]


def test_a_restart_reads_a_kilobyte_of_a_clip(tmp_path: Path) -> None:
    """Of the usual verdict; the bytes that the system read for it are counted."""
    measures = {name: 1 / 3 + number for number, name in enumerate(MEASURES)}
    usual = replace(
        VERDICT, sha256="5a" * 32, node="node0017.cluster", measures=measures,
        seconds={"sample": 3.14159265358979, "encode": 0.7182818284590},
    )  # fmt: skip
    save_clip(tmp_path, usual, {"mp4": b"picture" * 100_000})
    before = read_bytes()
    assert load_verdict(tmp_path, "1001_A", SOURCE) == usual
    assert read_bytes() - before <= 1000 + OWN_READ


def test_a_long_verdict_is_read_whole(tmp_path: Path) -> None:
    said = "".join(chr(33 + n * n % 90) for n in range(9000))
    long = replace(VERDICT, reason="crashed", detail=said)
    save_clip(tmp_path, long, {})
    assert load_verdict(tmp_path, "1001_A", SOURCE) == long


def test_clips_lie_in_many_folders(tmp_path: Path) -> None:
    keys = [f"clip{number}" for number in range(2000)]
    folders = Counter(clip_path(tmp_path, key).parent for key in keys)
    assert len(folders) == 256
    assert max(folders.values()) < 30


def test_a_clip_made_of_another_file_counts_as_not_finished(tmp_path: Path) -> None:
    save_clip(tmp_path, VERDICT, MEMBERS)
    assert load_verdict(tmp_path, "1001_A", (10, 21)) is None


@pytest.mark.parametrize("spoil", [flip, cut, empty])
def test_a_damaged_clip_counts_as_not_finished(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    save_clip(tmp_path, VERDICT, MEMBERS)
    spoil(clip_path(tmp_path, "1001_A"))
    assert load_verdict(tmp_path, "1001_A", SOURCE) is None
    with pytest.raises(DamagedClip, match="1001_A"):
        load_members(tmp_path, "1001_A")


def test_damage_of_the_members_is_noticed_when_they_are_read(tmp_path: Path) -> None:
    save_clip(tmp_path, VERDICT, MEMBERS)
    flip(clip_path(tmp_path, "1001_A"), place=-200)
    assert load_verdict(tmp_path, "1001_A", SOURCE) == VERDICT
    with pytest.raises(DamagedClip, match="1001_A"):
        load_members(tmp_path, "1001_A")
    clip_path(tmp_path, "1001_A").unlink()
    with pytest.raises(DamagedClip, match="1001_A"):
        load_members(tmp_path, "1001_A")


def test_a_shard_is_known_by_what_it_was_made_of(tmp_path: Path) -> None:
    save_shard(tmp_path, "recipe", ENTRY)
    assert load_shard(tmp_path, "train-000000.tar", "recipe") == ENTRY
    assert load_shard(tmp_path, "train-000000.tar", "another") is None
    assert load_shard(tmp_path, "train-000001.tar", "recipe") is None
    flip(tmp_path / "train-000000.tar.shard", place=40)
    assert load_shard(tmp_path, "train-000000.tar", "recipe") is None
