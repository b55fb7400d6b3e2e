"""Define the index beside every tar: its samples, and the place of each member in the tar.

Order, windows, balancing and resume are computed from indexes; no tar is opened for them.
"""

import tarfile
from typing import Annotated, TypeAlias

from pydantic import Field

from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.schema import FORMAT_VERSION
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.record import Actor, Emotion, Key, Record, json_bytes, parse

MAX_FRAMES = 2**31 - 1  # of one clip: more than two years
REMAKE = "the index does not belong to this tar: copy the shard set again or run etl/shard.py again"

Place: TypeAlias = Annotated[int, Field(ge=0)]  # compared with the tar's size
Suffix: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class SampleEntry(Record):
    """One sample as its shard's index describes it."""

    key: Key  # the sample's name, unique in the shard set; files are named by it
    frames: Annotated[int, Field(gt=0, le=MAX_FRAMES)]  # length at 25 Hz
    actor: Actor
    emotion: Emotion | None  # None where nobody labelled it
    intensity: float | None = Field(default=None, ge=0, le=1)  # None where the corpus lacks it
    # suffix (`mp4`, `landmarks.npy`) -> (offset of the data in the tar, size) in bytes
    members: dict[Suffix, tuple[Place, Place]]


class ShardIndex(Record):
    """The index file of one tar, samples in the tar's order."""

    format: str = FORMAT_VERSION
    samples: tuple[SampleEntry, ...]

    def to_json(self) -> bytes:
        """Return the content of the index file."""
        return json_bytes(self.model_dump())


def parse_index(data: bytes, where: str, shard: ShardEntry) -> ShardIndex:
    """Return the index that `data` holds after comparing it with the manifest's entry.

    Raises:
        WrongUse: not JSON, another format version, or counts and byte ranges that do not fit the
            tar the manifest describes, or one another.
    """
    index = parse(ShardIndex, data, where)
    frames = sum(sample.frames for sample in index.samples)
    if (len(index.samples), frames) != (shard.samples, shard.frames):
        found = f"{counted(len(index.samples), 'sample')} with {counted(frames, 'frame')}"
        raise WrongUse(
            f"{where}: lists {found}, the manifest says {shard.samples} with {shard.frames}; "
            f"{REMAKE}"
        )
    fault = _places_fault(index, shard)
    if fault:
        raise WrongUse(f"{where}: {fault}; {REMAKE}")
    return index


def _places_fault(index: ShardIndex, shard: ShardEntry) -> str | None:
    """Return the first member that cannot lie where the index says, or None.

    In a tar every member begins a block after the block of its header, the members of a sample
    stand together, and no two overlap.
    """
    end = 0
    in_order = sorted(index.samples, key=lambda s: min(s.members.values(), default=(0, 0)))
    for sample in in_order:
        for member, (offset, size) in sorted(sample.members.items(), key=lambda place: place[1]):
            name = f"{sample.key}.{member}"
            if offset + size > shard.bytes:
                return (
                    f"{name} would end at byte {offset + size}, but {shard.file} has {shard.bytes}"
                )
            if offset % tarfile.BLOCKSIZE or offset < end + tarfile.BLOCKSIZE:
                return f"{name} cannot begin at byte {offset}, behind what ends at byte {end}"
            end = offset + size
    return None
