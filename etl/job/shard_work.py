"""Make one shard in a worker from finished clips, unless an earlier run made the same one."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotalk.schema import ClipLabel
from emotalk.shards.check import is_whole
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.members import add_neutral
from emotalk.shards.record import json_bytes
from emotalk.shards.writer import EncodedSample, write_shard
from etl.job.plan import PlannedShard
from etl.job.store import STILL, load_members, load_shard, save_shard


@dataclass(frozen=True)
class ShardSample:
    """The facts of one accepted sample that a shard needs."""

    label: ClipLabel
    frames: int  # length at 25 Hz
    neutral: str | None  # key of the clip that the neutral still is taken from, or None
    neutral_clip: str | None  # that clip's name
    sha256: tuple[str, str]  # of the clip's members and of those of `neutral`


def make_shard(
    output: Path, store: Path, shard: PlannedShard, samples: Sequence[ShardSample]
) -> ShardEntry:
    """Write a tar and its index; return its entry of the manifest.

    A shard that an earlier run made of the same members stays, if its hashes are right.

    Raises:
        DamagedClip: a finished clip was damaged since it was written.
    """
    recipe = recipe_of(samples)
    entry = load_shard(store, shard.file, recipe)
    if entry is not None and is_whole(output, entry):
        return entry
    encoded = _encoded(store, samples)
    entry = write_shard(output, file=shard.file, split=shard.split, samples=encoded, aside=store)
    save_shard(store, recipe, entry)
    return entry


def recipe_of(samples: Sequence[ShardSample]) -> str:
    """Return a digest of all that decides a shard's bytes."""
    parts = [[s.label.key, s.frames, s.neutral, s.neutral_clip, *s.sha256] for s in samples]
    return hashlib.sha256(json_bytes({"parts": parts})).hexdigest()


def _encoded(store: Path, samples: Sequence[ShardSample]) -> Iterator[EncodedSample]:
    for sample in samples:
        members = load_members(store, sample.label.key)
        members.pop(STILL, None)
        if sample.neutral is not None and sample.neutral_clip is not None:
            still = load_members(store, sample.neutral)[STILL]
            members = add_neutral(members, still, clip=sample.neutral_clip)
        yield EncodedSample(sample.label, sample.frames, members)
