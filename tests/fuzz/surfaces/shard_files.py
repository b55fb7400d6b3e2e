"""A shard set from somebody else: its manifest, an index, the bytes of a tar."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import Random, change_bytes, change_json
from tests.fuzz.surface import Case, Door, Surface


def _open_set(folder: Path) -> Path:
    from emotalk.shards.inspect import inspect
    from tests.helpers.shard_set import (
        MadeClip,
        made_clips,
        made_members,
        rewrite_manifest,
        write_shard_set,
    )

    def members_of(clip: MadeClip) -> dict[str, bytes]:
        facts = json.dumps({"clip": clip.key, "frames": clip.frames})
        return made_members(clip) | {"json": facts.encode()}

    clips = made_clips(3, frames=(6, 8))
    parts = [("train", clips[:2]), ("val", clips[2:])]
    shards = write_shard_set(folder / "set", parts, members_of=members_of)
    (shards / "rejected.jsonl").touch()

    def complete(tree: dict[str, Any]) -> None:
        for split, held in parts:
            actors = sorted({clip.actor for clip in held})
            tree["splits"][split] = {"actors": actors, "samples": len(held)}
        tree["mean_face"] = [[64.0, 64.0 + point / 10] for point in range(68)]
        tree["config"] = {"corpus": "folder", "landmarks": {"backend": "sidecar"}}

    rewrite_manifest(shards, complete)
    whole = inspect(shards)
    if not whole.ok:
        raise RuntimeError(f"the set to be damaged is not whole: {whole}")
    return shards


def _look(shards: Path) -> None:
    """Use a set as training does, and as `emotalk inspect` does."""
    from emotalk.errors import WrongUse
    from emotalk.shards.clip import read_window
    from emotalk.shards.inspect import inspect
    from emotalk.shards.reader import DataFault, SampleReader
    from emotalk.shards.shard_set import ShardSet

    report = inspect(shards)
    assert str(report).encode("utf-8")
    assert "\x1b" not in str(report)
    shard_set = ShardSet.open(str(shards))
    reader = SampleReader(shard_set)
    for name in shard_set.manifest.split_names:
        try:
            sample = shard_set.split(name).samples[0]
            read_window(reader, sample, start=0, frames=4, extras=("neutral.png", "json"))
        except (WrongUse, DataFault):
            continue
    if not report.ok:
        raise WrongUse(report.faults[0])


def _door(make: Callable[[Random], Case], enter: Callable[[Case], object]) -> Door:
    from emotalk.errors import WrongUse

    return Door(make, enter, (WrongUse,))


def _manifest(folder: Path) -> Door:
    shards = _open_set(folder)
    path = shards / "manifest.json"
    tree = json.loads(path.read_text())

    def enter(data: bytes) -> None:
        path.write_bytes(data)
        _look(shards)

    return _door(lambda rng: change_json(tree, rng), enter)


def _index(folder: Path) -> Door:
    shards = _open_set(folder)
    path, manifest = shards / "train-000000.index.json", shards / "manifest.json"
    tree: Any = json.loads(path.read_text())
    promised: Any = json.loads(manifest.read_text())

    def enter(data: bytes) -> None:
        path.write_bytes(data)
        promised["shards"][0]["index_sha256"] = hashlib.sha256(data).hexdigest()
        manifest.write_text(json.dumps(promised))
        _look(shards)

    return _door(lambda rng: change_json(tree, rng), enter)


def _tar(folder: Path) -> Door:
    shards = _open_set(folder)
    path, manifest = shards / "train-000000.tar", shards / "manifest.json"
    whole = path.read_bytes()
    promised: Any = json.loads(manifest.read_text())

    def enter(data: bytes) -> None:
        path.write_bytes(data)
        promised["shards"][0] |= {"sha256": hashlib.sha256(data).hexdigest()}
        manifest.write_text(json.dumps(promised))
        _look(shards)

    return _door(lambda rng: change_bytes(whole, rng), enter)


def _rejected(folder: Path) -> Door:
    from tests.helpers.shard_set import rewrite_manifest

    shards = _open_set(folder)

    def count_one(promised: dict[str, Any]) -> None:
        promised["clips"] |= {"found": promised["clips"]["accepted"] + 1, "rejected": 1}
        promised["rejected_by_reason"] = {"no_face": 1}

    rewrite_manifest(shards, count_one)
    tree = {"clip": "a/b.mp4", "reason": "no_face", "detail": "in 3 of 9 frames"}

    def enter(data: bytes) -> None:
        (shards / "rejected.jsonl").write_bytes(data)
        _look(shards)

    return _door(lambda rng: change_json(tree, rng), enter)


SURFACES = (
    Surface("manifest", 8000, _manifest),
    Surface("index", 8000, _index),
    Surface("tar", 6000, _tar),
    Surface("rejected.jsonl", 5000, _rejected),
)
