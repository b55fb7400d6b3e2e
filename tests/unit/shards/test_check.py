"""A shard is whole only where sizes and hashes of both its files are the manifest's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emotalk.shards.check import is_whole
from emotalk.shards.names import index_name
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import empty_members, made_clips, write_shard_set

TAR = "train-000000.tar"


def _flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", [TAR, index_name(TAR)])
@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        _as_folder,
        _flip_last_byte,
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
    ],
    ids=["missing", "a folder", "another byte", "a byte more", "a byte less"],
)
def test_one_damage_of_one_file_is_noticed(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    folder = write_shard_set(tmp_path / "set", [("train", made_clips(2))], members_of=empty_members)
    (shard,) = ShardSet.open(str(folder)).manifest.shards
    assert is_whole(folder, shard)
    damage(folder / name)
    assert not is_whole(folder, shard)
