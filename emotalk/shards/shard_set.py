"""A shard set as a table of samples, and the reading of a sample's members out of its tar.

The table comes from the index files alone. A read takes one contiguous range of the tar and checks
it: the tar headers in the range must name this sample's members with these sizes. So a tar that was
cut off, replaced or overwritten never passes for the one the index describes.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from emotalk.config.data import RemoteConfig
from emotalk.errors import WrongUse
from emotalk.printable import printable, printable_lines
from emotalk.redaction import redact_setting
from emotalk.shards.manifest import (
    MANIFEST_NAME,
    Manifest,
    SampleEntry,
    ShardEntry,
    index_name,
    parse_index,
    parse_manifest,
)
from emotalk.shards.remote_storage import open_storage
from emotalk.shards.storage import Storage, StorageFault

BLOCK = tarfile.BLOCKSIZE
INDEX_READERS = 16
SIZE_FIELD, CHECKSUM_FIELD = (124, 136), (148, 156)  # begin and end in a tar header
NAME_FIELD = 100  # bytes of a tar header's name; a longer one stands whole in a header before it


class DataFault(RuntimeError):  # noqa: N818  what the data lack, not the program
    """A sample that was promised cannot be read; the message names shard, sample and next step."""

    def __init__(self, message: str) -> None:
        """Keep the message; what a terminal would act upon is escaped in it."""
        super().__init__(printable_lines(message))


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a split.

    Attributes:
        key: its unique name.
        frames: length at 25 Hz.
        actor: who is seen.
        emotion: an emotion's name.
        intensity: in [0, 1], or None if unknown.
        shard: index of its tar among the manifest's shards.
        members: suffix -> (offset of the data, size) in bytes.
    """

    key: str
    frames: int
    actor: str
    emotion: str
    intensity: float | None
    shard: int
    members: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Split:
    """The samples of one split, in the order of the shards and of the tars."""

    name: str
    shards: tuple[int, ...]
    samples: tuple[Sample, ...]

    @cached_property
    def by_key(self) -> dict[str, Sample]:
        """The samples by their keys."""
        return {sample.key: sample for sample in self.samples}


class ShardSet:
    """A folder or URL that holds a manifest, tars and their index files.

    Attributes:
        location: as the user gave it, without the secrets of a URL.
        manifest: what the set says of itself.
        storage: reads byte ranges of its files.
    """

    def __init__(self, location: str, manifest: Manifest, storage: Storage) -> None:
        self.location = location
        self.manifest = manifest
        self.storage = storage
        self._splits: dict[str, Split] = {}

    @classmethod
    def open(cls, location: str, remote: RemoteConfig | None = None) -> "ShardSet":
        """Return the shard set at a folder, a URL or a `pipe:` command; reads the manifest only.

        Raises:
            WrongUse: nothing there, no manifest (not finished, or not a shard set), another format
                version, a broken manifest, or a way of access that the server does not know.
        """
        storage = open_storage(location, remote or RemoteConfig())
        location = redact_setting(location)
        try:
            data = storage.read_file(MANIFEST_NAME)
        except StorageFault as fault:
            raise WrongUse(
                f"{location}: no shard set here ({fault}); expected {MANIFEST_NAME}, which "
                "etl/shard.py writes last: give the folder it was told as output"
            ) from None
        manifest = parse_manifest(data, f"{location}/{MANIFEST_NAME}")
        refused = storage.access_fault(MANIFEST_NAME)
        if refused:
            raise WrongUse(f"{location}: {refused}")
        return cls(location, manifest, storage)

    def split(self, name: str) -> Split:
        """Return the samples of a split from its index files, which are read once.

        Raises:
            WrongUse: no such split, an empty one, an index file that is missing, was changed or
                does not fit its tar, or a key that occurs twice, here or in a split read before.
        """
        if name not in self._splits:
            self._splits[name] = self._read_split(name)
        return self._splits[name]

    def find(self, split: str, key: str) -> Sample | None:
        """Return a split's sample by its key, or None."""
        return self.split(split).by_key.get(key)

    def _read_split(self, name: str) -> Split:
        numbers = [n for n, shard in enumerate(self.manifest.shards) if shard.split == name]
        if not numbers:
            known = ", ".join(self.manifest.split_names) or "none: the shard set is empty"
            raise WrongUse(f"{self.location}: no split {name!r}; it has: {known}")
        with ThreadPoolExecutor(INDEX_READERS) as pool:
            samples = [sample for found in pool.map(self._samples, numbers) for sample in found]
        if not samples:
            raise WrongUse(f"{self.location}: split {name!r} has no samples; see rejected.jsonl")
        read_before = (sample for split in self._splits.values() for sample in split.samples)
        _refuse_doubles([*read_before, *samples], self.location)
        return Split(name, tuple(numbers), tuple(samples))

    def _samples(self, number: int) -> list[Sample]:
        shard = self.manifest.shards[number]
        name = index_name(shard.file)
        try:
            data = self.storage.read_file(name)
        except StorageFault as fault:
            raise WrongUse(
                f"{self.location}/{name}: cannot read the index ({fault}); copy the shard set again"
            ) from None
        digest = hashlib.sha256(data).hexdigest()
        if digest != shard.index_sha256:
            raise WrongUse(
                f"{self.location}/{name}: sha256 {digest[:12]}..., the manifest says "
                f"{shard.index_sha256[:12]}...: the index was changed; copy the shard set again"
            )
        index = parse_index(data, f"{self.location}/{name}", shard)
        return [sample_of(entry, number) for entry in index.samples]

    def check_sizes(self, split: Split) -> list[str]:
        """Return one message for each tar of the split that is missing or of a wrong size.

        Files on disk only; a URL's are checked when they are read.
        """
        shards = [self.manifest.shards[number] for number in split.shards]
        return [message for shard in shards if (message := self._size_fault(shard))]

    def _size_fault(self, shard: ShardEntry) -> str | None:
        size = self.storage.local_size(shard.file)
        if size is None or size == shard.bytes:
            return None
        found = "is missing" if size < 0 else f"has {size} bytes"
        return f"{self.location}/{shard.file} {found}, the manifest says {shard.bytes} bytes"


class SampleReader:
    """Reads members of samples; one a process, opened files are kept.

    Args:
        shard_set: where to read.
        verify: compare each tar's sha256 with the manifest's before its first sample is read.
    """

    def __init__(self, shard_set: ShardSet, verify: bool = False) -> None:
        self.shard_set = shard_set
        self.verify = verify
        self._verdicts: dict[int, str] = {}  # what is wrong with a tar, empty if nothing is

    def read(self, sample: Sample, members: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of the named members of a sample.

        Raises:
            DataFault: the tar is missing, cut off or not the one the index describes.
        """
        shard = self.shard_set.manifest.shards[sample.shard]
        ranges = {name: sample.members[name] for name in members}
        begin = min(offset for offset, _ in ranges.values()) - BLOCK
        end = max(offset + size for offset, size in ranges.values())
        try:
            self._check(sample.shard, shard)
            data = memoryview(self.shard_set.storage.read_range(shard, begin, end - begin))
            for name, (offset, size) in ranges.items():
                header = bytes(data[offset - begin - BLOCK : offset - begin])
                _check_header(header, f"{sample.key}.{name}", size)
        except StorageFault as fault:
            raise DataFault(
                f"{self.shard_set.location}/{shard.file}, sample {sample.key}: {fault}; check the "
                "set with `emotalk inspect`, or go on without it: data.on_fault=skip"
            ) from fault
        return {
            name: bytes(data[offset - begin : offset - begin + size])
            for name, (offset, size) in ranges.items()
        }

    def _check(self, number: int, shard: ShardEntry) -> None:
        """Hash a tar the first time it is met; a wrong one stays wrong without another look."""
        if not self.verify:
            return
        if number not in self._verdicts:
            found = self.shard_set.storage.sha256(shard)
            right = f"the manifest says {shard.sha256[:12]}..."
            wrong = found != shard.sha256
            self._verdicts[number] = f"sha256 {found[:12]}..., {right}" if wrong else ""
        if self._verdicts[number]:
            raise StorageFault(self._verdicts[number])


def _check_header(header: bytes, name: str, size: int) -> None:
    """Raise unless the 512 bytes are the tar header of a file `name` of `size` bytes."""
    wanted = name.encode()[:NAME_FIELD]
    begin, end = SIZE_FIELD
    plain = header[begin:end] == b"%011o\0" % size and header[:NAME_FIELD] == wanted.ljust(
        NAME_FIELD, b"\0"
    )
    if plain and _checksum_fits(header):
        return  # as nearly all are; what follows reads every other way to write the same
    try:
        found = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise StorageFault(f"no member begins where the index says {name} does") from None
    stored = found.name.encode("utf-8", "surrogateescape")[:NAME_FIELD]
    in_ascii = name.encode("ascii", "replace")[:NAME_FIELD]  # as tarfile writes other letters here
    if found.size != size or stored not in (wanted, in_ascii):
        raise StorageFault(
            f"the tar holds {printable(found.name)} of {found.size} bytes where the index says "
            f"{name} of {size} bytes"
        )


def _checksum_fits(header: bytes) -> bool:
    """Return whether the bytes add up to the number the header gives, its own field as blanks."""
    begin, end = CHECKSUM_FIELD
    field = header[begin:end]
    return field[:6] == b"%06o" % (sum(header) - sum(field) + (end - begin) * ord(" "))


def sample_of(entry: SampleEntry, shard: int) -> Sample:
    """Return an entry of the index of the manifest's shard number `shard` as a sample."""
    return Sample(
        entry.key, entry.frames, entry.actor, entry.emotion, entry.intensity, shard, entry.members
    )


def _refuse_doubles(samples: Iterable[Sample], location: str) -> None:
    doubles = sorted(_doubles(sample.key for sample in samples))
    if doubles:
        raise WrongUse(
            f"{location}: keys occur more than once ({len(doubles)}, e.g. {doubles[0]}); "
            "make the shards again with etl/shard.py"
        )


def _doubles(keys: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            yield key
        seen.add(key)
