"""Join several shard sets to one: names that cannot collide, one numbering of their shards.

The sets are in the order of their names, which follow from their manifests. So neither the order in
which they are given nor where they lie decides anything.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, combinations
from typing import Any, TypeAlias

from emotalk.config.data import RemoteConfig
from emotalk.config.shards import ShardSource, sources_of
from emotalk.errors import WrongUse
from emotalk.printable import quoted
from emotalk.redaction import refuse_redacted
from emotalk.schema import FPS, SAMPLE_RATE, SIZE
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.read_once import Once, read_here
from emotalk.shards.sample_table import Sample, SampleTable
from emotalk.shards.shard_set import ShardSet, Split, StoredSample

NAME = re.compile(r"[a-z0-9_]{1,32}")
NAMELESS = "set"  # name of a set whose manifest names no corpus
# Settings of a manifest that decide how a crop lies in time and space -> what holds if they are
# not written. This version of the format fixes all but `align`.
GEOMETRY: dict[str, object] = {
    "size": SIZE,
    "fps": FPS,
    "sample_rate": SAMPLE_RATE,
    "template": "template_68.csv",
    "align": "first_frame",
}


class JoinedSet:
    """Several shard sets that are read as one.

    The key of a sample and its actor get the name of their set in front: `mead.M003`. So equal keys
    are different clips, and equal actors different people. Shards are numbered through all sets.

    Attributes:
        sets: the sets in the order of their names.
        names: their names: the corpus, and where several sets have one also the manifest's digest.
        weights: their shares of the training; None: by size.
    """

    def __init__(self, sets: Sequence[ShardSet], weights: Sequence[float | None]) -> None:
        _refuse_same(sets)
        _refuse_other_geometry(sets)
        named = sorted(zip(_names(sets), sets, weights, strict=True), key=lambda part: part[0])
        self.names = tuple(name for name, _, _ in named)
        self.sets = tuple(shard_set for _, shard_set, _ in named)
        self.weights = tuple(weight for _, _, weight in named)
        counts = [len(shard_set.manifest.shards) for shard_set in self.sets]
        self._first = [0, *accumulate(counts[:-1])]  # number of each set's first shard
        self._splits: dict[tuple[int, str], Split] = {}

    @property
    def location(self) -> str:
        """Return the places of the sets, as the user gave them without secrets."""
        return " + ".join(shard_set.location for shard_set in self.sets)

    @property
    def split_names(self) -> tuple[str, ...]:
        """Return the splits that at least one of the sets has."""
        return tuple(dict.fromkeys(name for part in self.sets for name in part.split_names))

    @property
    def digest(self) -> str:
        """Return the sha256 of the sets' digests and weights."""
        parts = zip((part.digest for part in self.sets), self.weights, strict=True)
        return hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()

    def splits(self, name: str, *, of_all: bool = True) -> list[tuple[ShardSet, Split]]:
        """Return each set with its samples of a split.

        Args:
            name: of the split.
            of_all: False passes over sets that have no such split.

        Raises:
            WrongUse: a set has no such split, or one of its files is faulty; the message names it.
        """
        return [
            (shard_set, self._joined(number, name))
            for number, shard_set in enumerate(self.sets)
            if of_all or name in shard_set.split_names
        ]

    def split(self, name: str) -> Split:
        """Return the samples of a split of all sets, set by set.

        Raises:
            WrongUse: as `splits`.
        """
        parts = [part for _, part in self.splits(name)]
        return Split(
            tuple(shard for part in parts for shard in part.shards),
            SampleTable.joined(part.samples for part in parts),
        )

    def locate(self, sample: Sample) -> StoredSample:
        """Return where a sample is stored, and its key there."""
        number, shard = self._set_and_shard(sample.shard)
        key = sample.key.removeprefix(f"{self.names[number]}.")
        return StoredSample(self.sets[number], shard, key)

    def check_sizes(self, split: Split) -> list[str]:
        """Return one message for each tar on disk that is missing or of a wrong size."""
        places = map(self._set_and_shard, split.shards)
        faults = [self.sets[number].size_fault(shard) for number, shard in places]
        return [fault for fault in faults if fault]

    def _set_and_shard(self, number: int) -> tuple[int, ShardEntry]:
        """Return the number of the set that holds a shard, and the shard's entry."""
        of = bisect_right(self._first, number) - 1
        return of, self.sets[of].manifest.shards[number - self._first[of]]

    def _joined(self, number: int, split: str) -> Split:
        """Return a split of a set under the names and numbers of the whole; joined once."""
        if (number, split) not in self._splits:
            found, name = self.sets[number].split(split), self.names[number]
            first = self._first[number]
            shards = (first + shard for shard in found.shards)
            self._splits[number, split] = Split(tuple(shards), found.samples.named(name, first))
        return self._splits[number, split]


AnyShardSet: TypeAlias = ShardSet | JoinedSet


def open_shards(
    shards: str | Sequence[ShardSource],
    remote: RemoteConfig | None = None,
    once: Once = read_here,
) -> AnyShardSet:
    """Return the shard set of a configuration, several as one; `once` reads the manifests only.

    Raises:
        WrongUse: one cannot be opened (`ShardSet.open`), two are the same, or their crops differ in
            size, rate or alignment.
    """
    sources = sources_of(shards)
    if len(sources) > 1:
        for number, source in enumerate(sources):
            refuse_redacted(source.path, f"shards.{number}.path")
    sets = [ShardSet.open(source.path, remote, once) for source in sources]
    return sets[0] if len(sets) == 1 else JoinedSet(sets, [source.weight for source in sources])


def _names(sets: Sequence[ShardSet]) -> list[str]:
    """Return a name for each set that depends on the manifests alone."""
    corpora = [_corpus(shard_set) for shard_set in sets]
    several = {name for name, count in Counter(corpora).items() if count > 1}
    return [
        f"{corpus}-{shard_set.digest[:12]}" if corpus in several else corpus
        for corpus, shard_set in zip(corpora, sets, strict=True)
    ]


def _corpus(shard_set: ShardSet) -> str:
    named = shard_set.manifest.config.get("corpus")
    return named if isinstance(named, str) and NAME.fullmatch(named) else NAMELESS


def _refuse_same(sets: Sequence[ShardSet]) -> None:
    for one, other in combinations(sets, 2):
        if one.digest == other.digest:
            raise WrongUse(
                f"shards: {one.location} and {other.location} are the same set (manifest "
                f"{one.digest[:12]}); name it once, and let its clips come more often by `weight`"
            )


def _refuse_other_geometry(sets: Sequence[ShardSet]) -> None:
    for one, other in combinations(sets, 2):
        differing = [
            f"{name} is {quoted(there)} in {one.location}, {quoted(here)} in {other.location}"
            for name, usual in GEOMETRY.items()
            if (there := _setting(one, name, usual)) != (here := _setting(other, name, usual))
        ]
        if differing:
            raise WrongUse(
                f"shards: the crops of two sets differ: {'; '.join(differing)}; make one of them "
                "again with the settings of the other, or train on one of them"
            )


def _setting(shard_set: ShardSet, name: str, usual: object) -> Any:
    return shard_set.manifest.config.get(name, usual)
