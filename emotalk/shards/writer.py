"""Write tars with their indexes, the files of JSON lines and the manifest.

Each file appears complete under its name or not at all.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import webdataset

from emotalk.files.atomic_write import atomic_write
from emotalk.files.checksums import file_sha256
from emotalk.schema import ClipLabel
from emotalk.shards.index import SampleEntry, ShardIndex
from emotalk.shards.json_lines import write_json_lines
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.measures import ClipMeasures, with_values
from emotalk.shards.names import (
    MANIFEST_NAME,
    MEASURES_NAME,
    PICTURES_NAME,
    REJECTED_NAME,
    index_name,
)
from emotalk.shards.rejected import RejectedClip, rejected_json
from emotalk.shards.rejected_pictures import RejectedPicture, pictures_json
from emotalk.shards.tar_members import tar_members

OWNER = "emotalk"


class EncodedSample(NamedTuple):
    """A sample ready to be written."""

    label: ClipLabel
    frames: int  # length at 25 Hz
    members: dict[str, bytes]  # suffix -> bytes, in the order of the tar


def write_shard(
    folder: Path, *, file: str, split: str, samples: Iterable[EncodedSample], aside: Path
) -> ShardEntry:
    """Write a tar and its index; return the manifest's entry.

    One sample is in memory at a time. Partial files lie in `aside`, on the same file system.
    """
    tar = folder / file
    written: list[tuple[ClipLabel, int]] = []
    with atomic_write(tar, aside=aside) as target:
        with webdataset.TarWriter(
            target, encoder=False, mtime=0, user=OWNER, group=OWNER
        ) as writer:
            for label, frames, members in samples:
                written.append((label, frames))
                for suffix, data in members.items():  # one by one: keeps the order
                    writer.write({"__key__": label.key, suffix: data})
        target.flush()
        index = _index(Path(target.name), written).to_json()
    with atomic_write(folder / index_name(file), aside=aside) as target:
        target.write(index)
    return ShardEntry(
        file=file,
        split=split,
        samples=len(written),
        frames=sum(frames for _, frames in written),
        bytes=tar.stat().st_size,
        sha256=file_sha256(tar),
        index_sha256=hashlib.sha256(index).hexdigest(),
    )


def write_rejected(folder: Path, rejected: Iterable[RejectedClip], *, aside: Path) -> None:
    """Write `rejected.jsonl`."""
    with atomic_write(folder / REJECTED_NAME, aside=aside) as file:
        file.write(rejected_json(rejected))


def write_measures(folder: Path, measures: Iterable[ClipMeasures], *, aside: Path) -> None:
    """Write `measures.jsonl`, in the order of the lines; clips without a value are left out."""
    with atomic_write(folder / MEASURES_NAME, aside=aside) as file:
        write_json_lines(file, with_values(measures))


def write_pictures(folder: Path, pictures: Iterable[RejectedPicture], *, aside: Path) -> None:
    """Write `rejected_pictures.jsonl`."""
    with atomic_write(folder / PICTURES_NAME, aside=aside) as file:
        file.write(pictures_json(pictures))


def write_manifest(folder: Path, manifest: Manifest, *, aside: Path) -> None:
    """Write `manifest.json`; the shard set exists from then on."""
    with atomic_write(folder / MANIFEST_NAME, aside=aside) as file:
        file.write(manifest.to_json())


def _index(tar: Path, written: Iterable[tuple[ClipLabel, int]]) -> ShardIndex:
    """Return the index of a tar, with the place of each member's data in it."""
    places: dict[str, dict[str, tuple[int, int]]] = {}
    for member in tar_members(tar):
        key, _, suffix = member.name.partition(".")
        places.setdefault(key, {})[suffix] = (member.offset, member.size)
    return ShardIndex(
        samples=tuple(
            SampleEntry(
                key=label.key,
                frames=frames,
                actor=label.actor,
                emotion=label.emotion,
                intensity=label.intensity,
                members=places[label.key],
            )
            for label, frames in written
        )
    )
