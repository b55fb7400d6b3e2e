"""Tars, their indices and the manifest, each complete under its name or not there at all."""

import hashlib
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import webdataset

from emotalk.files.atomic_write import atomic_write
from emotalk.files.checksums import file_sha256
from emotalk.schema import FORMAT_VERSION, ClipLabel
from etl.job.members import JSON, NEUTRAL_STILL, STILL, json_member
from etl.job.plan import PlannedShard
from etl.job.store import keep_shard, kept_members, kept_shard

OWNER = "emotalk"
FILES_SHA256 = "files_sha256"
"""In a line of rejected.jsonl: digest of the clip's files, to notice that it was mended."""


@dataclass(frozen=True)
class ShardSample:
    """The facts of one accepted sample that a shard needs.

    Attributes:
        label: key, actor, emotion, intensity.
        frames: length at 25 Hz.
        neutral: key of the clip that lends the neutral still, or None.
        neutral_clip: that clip's name.
        sha256: of the clip's members and of those of the clip that lends the still.
    """

    label: ClipLabel
    frames: int
    neutral: str | None
    neutral_clip: str | None
    sha256: tuple[str, str]


def write_shard(
    output: Path, store: Path, shard: PlannedShard, samples: Sequence[ShardSample]
) -> dict[str, Any]:
    """Write a tar and its index from finished clips; return its entry of the manifest.

    A shard that an earlier run made of the same members stays, if its hashes say that it is whole.

    Raises:
        Stopped: a finished clip was damaged since it was written.
    """
    recipe = recipe_of(samples)
    entry = kept_shard(store, shard.file, recipe)
    if entry is not None and is_whole(output, entry):
        return entry
    entry = _write_tar(output, store, shard, samples)
    keep_shard(store, recipe, entry)
    return entry


def is_whole(output: Path, entry: Mapping[str, Any]) -> bool:
    """Return whether a tar and its index are those of which the manifest's entry speaks."""
    tar, index = output / entry["file"], output / index_name(entry["file"])
    return (
        tar.is_file()
        and index.is_file()
        and tar.stat().st_size == entry["bytes"]
        and file_sha256(index) == entry["index_sha256"]
        and file_sha256(tar) == entry["sha256"]
    )


def _write_tar(
    output: Path, store: Path, shard: PlannedShard, samples: Sequence[ShardSample]
) -> dict[str, Any]:
    tar = output / shard.file
    with atomic_write(tar, aside=store) as file:
        with webdataset.TarWriter(file, encoder=False, mtime=0, user=OWNER, group=OWNER) as writer:
            for sample in samples:
                for suffix, data in _members(store, sample).items():  # one by one: keeps order
                    writer.write({"__key__": sample.label.key, suffix: data})
        file.flush()
        entries = _entries(Path(file.name), samples)
    index = json_member({"format": FORMAT_VERSION, "samples": entries})
    with atomic_write(output / index_name(shard.file), aside=store) as file:
        file.write(index)
    return {
        "file": shard.file,
        "split": shard.split,
        "samples": len(samples),
        "frames": sum(sample.frames for sample in samples),
        "bytes": tar.stat().st_size,
        "sha256": file_sha256(tar),
        "index_sha256": hashlib.sha256(index).hexdigest(),
    }


def recipe_of(samples: Sequence[ShardSample]) -> str:
    """Return a digest of all that decides a shard's bytes."""
    parts = [[s.label.key, s.frames, s.neutral, s.neutral_clip, *s.sha256] for s in samples]
    return hashlib.sha256(json_member({"parts": parts})).hexdigest()


def index_name(tar: str) -> str:
    """Return the name of a tar's index."""
    return tar.removesuffix(".tar") + ".index.json"


def write_rejected(output: Path, aside: Path, rejected: Sequence[Mapping[str, str]]) -> None:
    """Write `rejected.jsonl`, one object a clip, sorted by clip."""
    lines = sorted(rejected, key=lambda r: (r["clip"], r["reason"]))
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    with atomic_write(output / "rejected.jsonl", aside=aside) as file:
        file.write(text.encode())


def write_manifest(output: Path, aside: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json`; the shard set exists from then on."""
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with atomic_write(output / "manifest.json", aside=aside) as file:
        file.write(text.encode())


def _members(store: Path, sample: ShardSample) -> dict[str, bytes]:
    """Return suffix -> bytes in the order of the format."""
    kept = kept_members(store, sample.label.key)
    facts = json.loads(kept[JSON])
    members = {name: kept[name] for name in ("mp4", "flac", "landmarks.npy")}
    if sample.neutral is not None:
        members[NEUTRAL_STILL] = kept_members(store, sample.neutral)[STILL]
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
