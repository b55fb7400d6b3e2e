"""Compare a tar and its index with the manifest, and decode every member of every sample."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from emotalk.errors import WrongUse
from emotalk.files.checksums import file_sha256
from emotalk.printable import printable, quoted
from emotalk.shards.clip import member_faults
from emotalk.shards.index import ShardIndex, parse_index
from emotalk.shards.index_columns import sample_of
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.names import index_name
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from emotalk.shards.storage import DiskStorage, StorageFault
from emotalk.shards.tar_members import UnfitTar, tar_members


@dataclass(frozen=True)
class ShardCheck:
    """Content and faults of a shard."""

    samples: tuple[Sample, ...]  # of its index; empty where the index cannot be read
    faults: tuple[str, ...]  # one line each


def check_shard(folder: Path, manifest: Manifest, number: int) -> ShardCheck:
    """Return the content and faults of the manifest's shard `number`, read as the loader reads it.

    Members are decoded only where sizes and hashes are right, so that changed bytes are one fault.
    """
    shard = manifest.shards[number]
    storage = DiskStorage(folder)
    faults = _tar_faults(folder, shard)
    index, index_faults = _index(storage, shard)
    samples = tuple(sample_of(entry, number) for entry in index.samples) if index else ()
    if index is not None and not faults and not index_faults:
        reader = SampleReader(ShardSet(str(folder), manifest, storage))
        faults = _placing_faults(folder / shard.file, index)
        if not faults:
            faults = [
                f"{shard.file}: sample {sample.key}: {fault}"
                for sample in samples
                for fault in member_faults(reader, sample)
            ]
    storage.close()
    lines = (printable(fault, longest=1000) for fault in [*faults, *index_faults])
    return ShardCheck(samples, tuple(lines))


def is_whole(folder: Path, shard: ShardEntry) -> bool:
    """Return whether a tar and its index have the sizes and hashes of the manifest's entry.

    Raises:
        OSError: a file cannot be read.
    """
    tar, index = folder / shard.file, folder / index_name(shard.file)
    return (
        tar.is_file()
        and index.is_file()
        and tar.stat().st_size == shard.bytes
        and file_sha256(index) == shard.index_sha256
        and file_sha256(tar) == shard.sha256
    )


def _tar_faults(folder: Path, shard: ShardEntry) -> list[str]:
    tar = folder / shard.file
    if not tar.exists():
        return [f"{shard.file}: missing"]
    if not tar.is_file():
        return [f"{shard.file}: is no file but a folder, pipe or device"]
    faults = []
    try:
        if (size := tar.stat().st_size) != shard.bytes:
            faults.append(f"{shard.file}: {size} bytes, the manifest says {shard.bytes}")
        if file_sha256(tar) != shard.sha256:
            faults.append(f"{shard.file}: its sha256 is not the manifest's: changed or damaged")
    except OSError as error:
        faults.append(f"{shard.file}: cannot be read: {error.strerror}")
    return faults


def _index(storage: DiskStorage, shard: ShardEntry) -> tuple[ShardIndex | None, list[str]]:
    """Return the index, None where it cannot be read, and its faults."""
    name = index_name(shard.file)
    if not (storage.folder / name).exists():
        return None, [f"{name}: missing"]
    try:
        data = storage.read_file(name)
    except StorageFault as fault:
        return None, [f"{fault}: cannot be read"]
    faults = []
    if hashlib.sha256(data).hexdigest() != shard.index_sha256:
        faults.append(f"{name}: its sha256 is not the manifest's: changed or damaged")
    try:
        return parse_index(data, name, shard), faults
    except WrongUse as error:
        return None, [*faults, str(error)]


def _placing_faults(tar: Path, index: ShardIndex) -> list[str]:
    """Return a line on the members whose place or size in the tar differs from the index."""
    inside: dict[str, tuple[int, int]] = {}
    try:
        for member in tar_members(tar):
            if member.name in inside:
                return [f"{tar.name}: {quoted(member.name)} is in it more than once"]
            inside[member.name] = (member.offset, member.size)
    except UnfitTar as error:
        return [f"{tar.name}: not the tar of a shard: {error}"]
    except OSError as error:
        return [f"{tar.name}: cannot be read: {error.strerror}"]
    promised = {
        f"{sample.key}.{suffix}": place
        for sample in index.samples
        for suffix, place in sample.members.items()
    }
    wrong = sorted(k for k in {*inside, *promised} if inside.get(k) != promised.get(k))
    if not wrong:
        return []
    more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
    return [f"{tar.name}: {quoted(wrong[0])}{more} not as indexed"]
