"""Open a shard set: its manifest, and the samples of each split by the index files alone."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from emotalk.config.data import RemoteConfig
from emotalk.errors import WrongUse
from emotalk.redaction import redact_setting
from emotalk.shards.index_columns import read_index
from emotalk.shards.manifest import Manifest, ShardEntry
from emotalk.shards.names import MANIFEST_NAME, index_name
from emotalk.shards.read_once import Once, read_here
from emotalk.shards.record import parse
from emotalk.shards.remote_storage import open_storage
from emotalk.shards.sample_table import Sample, SampleTable
from emotalk.shards.storage import Storage, StorageFault

INDEX_READERS = 16
READ_TOGETHER = 256  # indexes that are in memory before they are parsed


@dataclass(frozen=True)
class Split:
    """The samples of one split, in the order of the shards and of the tars."""

    shards: tuple[int, ...]
    samples: SampleTable


class StoredSample(NamedTuple):
    """Name the shard that stores a sample."""

    shard_set: "ShardSet"
    shard: ShardEntry
    key: str  # of the sample in its tar


class ShardSet:
    """A folder or URL that holds a manifest, tars and their index files."""

    def __init__(
        self, location: str, manifest: Manifest, storage: Storage, *, manifest_json: bytes = b""
    ) -> None:
        self.location = location  # as the user gave it, without the secrets of a URL
        self.manifest = manifest
        self.storage = storage
        self.manifest_json = manifest_json  # empty unless `open` read it
        self._splits: dict[str, Split] = {}

    @classmethod
    def open(
        cls, location: str, remote: RemoteConfig | None = None, once: Once = read_here
    ) -> "ShardSet":
        """Return the shard set at a folder, a URL or a `pipe:` command; reads the manifest only.

        `once` reads it: for one process alone, or for all of a node.

        Raises:
            WrongUse: nothing there, no manifest (not finished, or not a shard set), another format
                version, a broken manifest, or a way of access that the server does not know.
        """
        storage = open_storage(location, remote or RemoteConfig())
        location = redact_setting(location)
        data = once(partial(_manifest, storage, location))
        manifest = parse(Manifest, data, f"{location}/{MANIFEST_NAME}")
        if refused := once(lambda: storage.access_fault(MANIFEST_NAME) or ""):
            raise WrongUse(f"{location}: {refused}")
        return cls(location, manifest, storage, manifest_json=data)

    @property
    def sets(self) -> "tuple[ShardSet, ...]":
        """Return the sets that are read: this one."""
        return (self,)

    @property
    def split_names(self) -> tuple[str, ...]:
        """Return the splits that have at least one shard."""
        return self.manifest.split_names

    @cached_property
    def digest(self) -> str:
        """Return the sha256 of the manifest without its `run` section.

        Making the same set again, with another number of workers or on another day, gives the same
        digest.
        """
        tree = json.loads(self.manifest_json)
        tree.pop("run", None)
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()

    def splits(self, name: str, *, of_all: bool = True) -> "list[tuple[ShardSet, Split]]":
        """Return this set with its samples of a split, as `JoinedSet.splits` does."""
        del of_all
        return [(self, self.split(name))]

    def locate(self, sample: Sample) -> StoredSample:
        """Return where a sample is stored."""
        return StoredSample(self, self.manifest.shards[sample.shard], sample.key)

    def split(self, name: str) -> Split:
        """Return the samples of a split from its index files, which are read once.

        Raises:
            WrongUse: no such split, an empty one, an index file that is missing, was changed or
                does not fit its tar, or a key that occurs twice, here or in a split read before.
        """
        if name not in self._splits:
            self._splits[name] = self._read_split(name)
        return self._splits[name]

    def keep_split(self, name: str, split: Split) -> None:
        """Take a split that another process has read from the same set, instead of reading it."""
        self._splits[name] = split

    def _read_split(self, name: str) -> Split:
        numbers = [n for n, shard in enumerate(self.manifest.shards) if shard.split == name]
        if not numbers:
            known = ", ".join(self.manifest.split_names) or "none: the shard set is empty"
            raise WrongUse(f"{self.location}: no split {name!r}; it has: {known}")
        samples = SampleTable.joined(self._tables(numbers))
        if not samples:
            raise WrongUse(f"{self.location}: split {name!r} has no samples; see rejected.jsonl")
        read_before = [split.samples for split in self._splits.values()]
        if fault := _table_doubles([*read_before, samples]):
            raise WrongUse(f"{self.location}: {fault}; make the shards again with etl/shard.py")
        return Split(tuple(numbers), samples)

    def _tables(self, numbers: Sequence[int]) -> Iterator[SampleTable]:
        """Yield the samples of each of these shards.

        Threads read the indexes, for the sake of storage that answers slowly; this one parses them
        afterwards. Threads that parse spend as much time again on waiting for each other.
        """
        with ThreadPoolExecutor(INDEX_READERS) as pool:
            for begin in range(0, len(numbers), READ_TOGETHER):
                some = numbers[begin : begin + READ_TOGETHER]
                for number, data in zip(some, list(pool.map(self._index, some)), strict=True):
                    shard = self.manifest.shards[number]
                    where = f"{self.location}/{index_name(shard.file)}"
                    yield read_index(data, where, shard, number)

    def _index(self, number: int) -> bytes:
        """Return the content of a shard's index file, compared with its hash."""
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
        return data

    def look_at_tars(self, names: Iterable[str], once: Once) -> None:
        """Let `once` look at the tars of these splits, for one process alone or all of a node."""
        files = [shard.file for shard in self.manifest.shards if shard.split in {*names}]
        self.storage.keep_versions(once(partial(self.storage.versions, files)))

    def check_sizes(self, split: Split) -> list[str]:
        """Return one message for each tar of the split that is missing or of a wrong size.

        Files on disk only; a URL's are checked when they are read.
        """
        shards = [self.manifest.shards[number] for number in split.shards]
        return [message for shard in shards if (message := self.size_fault(shard))]

    def size_fault(self, shard: ShardEntry) -> str | None:
        """Return the fault of a tar that is missing or of a wrong size, or None."""
        size = self.storage.local_size(shard.file)
        if size is None or size == shard.bytes:
            return None
        found = "is missing" if size < 0 else f"has {size} bytes"
        return f"{self.location}/{shard.file} {found}, the manifest says {shard.bytes} bytes"


def _manifest(storage: Storage, location: str) -> bytes:
    """Return the manifest's bytes.

    Raises:
        WrongUse: there is none.
    """
    try:
        return storage.read_file(MANIFEST_NAME)
    except StorageFault as fault:
        raise WrongUse(
            f"{location}: no shard set here ({fault}); expected {MANIFEST_NAME}, which "
            "etl/shard.py writes last: give its output folder"
        ) from None


def doubles_fault(keys: Iterable[str]) -> str | None:
    """Return the fault of keys that occur more than once, None where each is unique."""
    counts = Counter(keys)
    doubles = sorted(key for key, count in counts.items() if count > 1)
    return f"keys occur more than once ({len(doubles)}, e.g. {doubles[0]})" if doubles else None


def _table_doubles(tables: Sequence[SampleTable]) -> str | None:
    """Return `doubles_fault` of all tables' keys; texts are kept only of keys with equal hashes."""
    hashes = np.concatenate([table.key_hashes() for table in tables])
    found, counts = np.unique(hashes, return_counts=True)
    doubtful = {*found[counts > 1].tolist()}
    if not doubtful:
        return None
    return doubles_fault(
        key for table in tables for key in table.every_key() if hash(key.encode()) in doubtful
    )
