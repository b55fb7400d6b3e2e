"""Tars, their indices and the manifest, each complete under its name or not there at all."""

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import webdataset

from emotalk.schema import FORMAT_VERSION, ClipLabel
from etl.members import JSON, NEUTRAL_STILL, STILL, json_member
from etl.plan import PlannedShard
from etl.store import kept_member

OWNER = "emotalk"


@dataclass(frozen=True)
class ShardSample:
    """What a shard needs to know of one accepted sample.

    Attributes:
        label: key, actor, emotion, intensity.
        frames: length at 25 Hz.
        neutral: key of the clip that lends the neutral still, or None.
        neutral_clip: that clip's name.
    """

    label: ClipLabel
    frames: int
    neutral: str | None
    neutral_clip: str | None


def write_shard(
    output: Path, store: Path, shard: PlannedShard, samples: Sequence[ShardSample]
) -> dict[str, Any]:
    """Write a tar and its index from finished clips; return its entry of the manifest."""
    tar = output / shard.file
    partial = _partial(tar)
    try:
        with partial.open("wb") as file:
            with webdataset.TarWriter(
                file, encoder=False, mtime=0, user=OWNER, group=OWNER
            ) as writer:
                for sample in samples:
                    for suffix, data in _members(store, sample).items():  # one by one: keeps order
                        writer.write({"__key__": sample.label.key, suffix: data})
            file.flush()
            os.fsync(file.fileno())
        index = json_member({"format": FORMAT_VERSION, "samples": _entries(partial, samples)})
        partial.replace(tar)
    finally:
        partial.unlink(missing_ok=True)
    write_bytes(output / index_name(shard.file), index)
    return {
        "file": shard.file,
        "split": shard.split,
        "samples": len(samples),
        "frames": sum(sample.frames for sample in samples),
        "bytes": tar.stat().st_size,
        "sha256": sha256_of(tar),
        "index_sha256": hashlib.sha256(index).hexdigest(),
    }


def index_name(tar: str) -> str:
    """Return the name of a tar's index."""
    return tar.removesuffix(".tar") + ".index.json"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it when it is complete."""
    partial = _partial(path)
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_rejected(output: Path, rejected: Sequence[Mapping[str, str]]) -> None:
    """Write `rejected.jsonl`, one object a clip, sorted by clip."""
    lines = sorted(rejected, key=lambda r: (r["clip"], r["reason"]))
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_bytes(output / "rejected.jsonl", text.encode())


def write_manifest(output: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json`; the shard set exists from then on."""
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_bytes(output / "manifest.json", text.encode())


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _members(store: Path, sample: ShardSample) -> dict[str, bytes]:
    """Return suffix -> bytes in the order of the format."""
    key = sample.label.key
    facts = json.loads(kept_member(store, key, JSON))
    members = {name: kept_member(store, key, name) for name in ("mp4", "flac", "landmarks.npy")}
    if sample.neutral is not None:
        members[NEUTRAL_STILL] = kept_member(store, sample.neutral, STILL)
        facts["neutral"] = sample.neutral_clip
    return {**members, JSON: json_member(facts)}


def _entries(tar: Path, samples: Sequence[ShardSample]) -> list[dict[str, Any]]:
    """Return the index' entries, with the place of each member's data in the tar."""
    places: dict[str, dict[str, tuple[int, int]]] = {}
    with tarfile.open(tar) as archive:
        for info in archive:
            key, _, suffix = info.name.partition(".")
            places.setdefault(key, {})[suffix] = (info.offset_data, info.size)
    return [
        {
            "key": sample.label.key,
            "frames": sample.frames,
            "actor": sample.label.actor,
            "emotion": sample.label.emotion,
            "intensity": sample.label.intensity,
            "members": places[sample.label.key],
        }
        for sample in samples
    ]
