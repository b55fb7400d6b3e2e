"""The manifest and the index are one model each, for writing and for reading."""

import json
from pathlib import Path

import pytest

from emotalk.errors import WrongUse
from emotalk.schema import FORMAT_VERSION, LANDMARKS
from emotalk.shards.index import SampleEntry, ShardIndex, parse_index
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.record import parse
from emotalk.shards.rejected import RejectedClip, read_rejected, rejected_json

SHARD = ShardEntry(file="train-000000.tar", split="train", samples=1, frames=25, bytes=10240,
                   sha256="0" * 64, index_sha256="1" * 64)  # fmt: skip


def test_a_manifest_is_read_as_it_was_written() -> None:
    manifest = Manifest(
        config={"corpus": "folder", "split": {"shares": [0.7, 0.15, 0.15]}},
        mean_face=((0.25, 1 / 3),) * LANDMARKS,
        clips={"found": 2, "accepted": 1, "rejected": 1, "left_out": 0},
        rejected_by_reason={"missing": 1},
        shards=(SHARD,),
        splits={"train": {"samples": 1, "actors": ["ö"]}},
        run={"workers": 2},
    )
    data = manifest.to_json()
    assert parse(Manifest, data, "here") == manifest
    tree = json.loads(data)
    assert tree["format"] == FORMAT_VERSION
    assert data.decode() == json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_an_index_is_read_as_it_was_written() -> None:
    members = {"mp4": (512, 1000), "flac": (2048, 300)}
    sample = SampleEntry(key="k", frames=25, actor="anna", emotion="anger", members=members)
    index = ShardIndex(samples=(sample,))
    assert parse_index(index.to_json(), "here", SHARD) == index
    with pytest.raises(WrongUse, match="lists 1 sample with 25 frames, the manifest says 2"):
        parse_index(index.to_json(), "here", SHARD.model_copy(update={"samples": 2}))


def test_rejected_clips_are_read_as_they_were_written_in_order(tmp_path: Path) -> None:
    lines = [
        RejectedClip(clip="b\u2028.mp4", reason="missing", detail="d", files_sha256=""),
        RejectedClip(clip="a.mp4", reason="unknown_name", detail="d"),
    ]
    (tmp_path / "rejected.jsonl").write_bytes(rejected_json(lines))
    first, second = (tmp_path / "rejected.jsonl").read_text(encoding="utf-8").split("\n")[:2]
    assert json.loads(first) == {"clip": "a.mp4", "reason": "unknown_name", "detail": "d"}
    assert json.loads(second)["files_sha256"] == ""
    assert read_rejected(tmp_path) == {line.clip: line for line in lines}
    assert read_rejected(tmp_path / "nowhere") == {}
