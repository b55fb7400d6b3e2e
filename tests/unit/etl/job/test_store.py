"""What was finished is used again only if it is, byte for byte, what was written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotalk.errors import Stopped
from emotalk.files.atomic_write import atomic_write
from emotalk.files.checksums import sealed, unsealed
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


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("sealed") / "file"
    whole = sealed(data)
    path.write_bytes(whole)
    assert unsealed(path) == data
    spoilt = bytearray(whole)
    spoilt[place % len(whole)] ^= 1 << bit
    path.write_bytes(bytes(spoilt))
    assert unsealed(path) is None


def test_a_file_that_breaks_off_has_no_name_and_leaves_nothing(tmp_path: Path) -> None:
    target, aside = tmp_path / "file", tmp_path / "aside"
    aside.mkdir()

    def break_off() -> None:
        with atomic_write(target, aside=aside) as file:
            file.write(b"half")
            file.flush()
            assert not target.exists()
            assert list(aside.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert not target.exists()
    assert not list(aside.iterdir())
