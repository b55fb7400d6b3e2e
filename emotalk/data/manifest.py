"""What a shard set says of itself: `manifest.json` and one index file beside every tar.

Order, windows, balancing and resume are computed from these small files; no tar is opened for
them. `manifest.json` is written last, so a folder without one is not a shard set yet.
"""

import json
import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from emotalk.errors import WrongUse
from emotalk.schema import FORMAT_VERSION

MANIFEST_NAME = "manifest.json"
LANDMARKS_MEMBER = "landmarks.npy"
NEUTRAL_MEMBER = "neutral.png"
JSON_MEMBER = "json"
VIDEO_MEMBERS = ("mp4",)
AUDIO_MEMBERS = ("flac", "wav")
# Halves of a surrogate pair pass JSON, but no bytes can be made of them.
TAR_NAME = re.compile(r"[^./\\\x00-\x1f\ud800-\udfff][^/\\\x00-\x1f\ud800-\udfff]*\.tar")
KEY = re.compile(r"[^./\\\x00-\x1f\ud800-\udfff]+")
MOST_FRAMES = 2**31 - 1  # of one clip: more than two years


def _tar_name(name: str) -> str:
    if not TAR_NAME.fullmatch(name):
        raise PydanticCustomError(
            "tar_name", "{name} is not the name of a .tar beside the manifest", {"name": repr(name)}
        )
    return name


def _key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise PydanticCustomError(
            "key",
            "{key} is not a key: no dot, slash, control character or half of a surrogate pair",
            {"key": repr(key)},
        )
    return key


class Record(BaseModel):
    """A part of the files; keys that later versions add are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SampleEntry(Record):
    """One sample as its shard's index describes it.

    Attributes:
        key: the sample's name, unique in the shard set; files are named by it.
        frames: length at 25 Hz.
        actor: who is seen.
        emotion: an emotion's name.
        intensity: in [0, 1], or None where the corpus does not say.
        members: suffix after the key (`mp4`, `landmarks.npy`) -> (offset of the member's data in
            the tar, its size), both in bytes.
    """

    key: Annotated[str, AfterValidator(_key)]
    frames: Annotated[int, Field(gt=0, le=MOST_FRAMES)]
    actor: str
    emotion: str
    intensity: float | None = Field(default=None, ge=0, le=1)
    members: dict[str, tuple[NonNegativeInt, NonNegativeInt]]


class ShardIndex(Record):
    """The index file of one tar, samples in the tar's order."""

    format: str
    samples: tuple[SampleEntry, ...]


class ShardEntry(Record):
    """One tar as the manifest describes it; hashes are sha256 in hex."""

    file: Annotated[str, AfterValidator(_tar_name)]
    split: str
    samples: NonNegativeInt
    frames: NonNegativeInt
    bytes: NonNegativeInt
    sha256: str
    index_sha256: str


class Manifest(Record):
    """The description of a whole shard set.

    Attributes:
        format: version of the format, `FORMAT_VERSION`.
        config: what decided the bytes.
        mean_face: 68 mean landmarks of the training split in crop pixels, if known.
        clips: {found, accepted, rejected}.
        rejected_by_reason: reason -> count.
        shards: every tar, in the order that samples are numbered in.
        splits: split -> {actors, samples}.
    """

    format: str
    config: dict[str, Any] = {}
    mean_face: tuple[tuple[float, float], ...] | None = None
    clips: dict[str, int] = {}
    rejected_by_reason: dict[str, int] = {}
    shards: tuple[ShardEntry, ...]
    splits: dict[str, Any] = {}

    @model_validator(mode="after")
    def _each_tar_once(self) -> "Manifest":
        twice = [name for name, n in Counter(shard.file for shard in self.shards).items() if n > 1]
        if twice:
            raise PydanticCustomError(
                "listed_twice", "shards: {name} is listed more than once", {"name": twice[0]}
            )
        return self

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that have at least one shard, in order of appearance."""
        return tuple(dict.fromkeys(shard.split for shard in self.shards))


def index_name(tar_name: str) -> str:
    """Return the name of a tar's index file: `train-000000.tar` -> `train-000000.index.json`."""
    return tar_name.removesuffix(".tar") + ".index.json"


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Return the manifest held by `data`.

    Raises:
        WrongUse: not JSON, another format version, or a value that is not as the format says.
    """
    return _parse(Manifest, data, where)


def parse_index(data: bytes, where: str, shard: ShardEntry) -> ShardIndex:
    """Return the index held by `data` after checking it against the manifest's entry.

    Raises:
        WrongUse: not JSON, another format version, or counts and byte ranges that do not fit the
            tar the manifest describes, or one another.
    """
    index = _parse(ShardIndex, data, where)
    frames = sum(sample.frames for sample in index.samples)
    if (len(index.samples), frames) != (shard.samples, shard.frames):
        raise WrongUse(
            f"{where}: lists {len(index.samples)} samples with {frames} frames, the manifest says "
            f"{shard.samples} with {shard.frames}; {REMAKE}"
        )
    fault = _places_fault(index, shard)
    if fault:
        raise WrongUse(f"{where}: {fault}; {REMAKE}")
    return index


def _places_fault(index: ShardIndex, shard: ShardEntry) -> str | None:
    """Return the first member that cannot lie where the index says, or None.

    In a tar every member begins a block after the block of its header, those of a sample stand
    together, and nothing reaches into anything else.
    """
    end = 0
    for sample in sorted(index.samples, key=_first_offset):
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


def _first_offset(sample: SampleEntry) -> int:
    return min((offset for offset, _ in sample.members.values()), default=0)


REMAKE = "the index does not belong to this tar: copy the shard set again or run etl/shard.py again"
Parsed = TypeVar("Parsed", Manifest, ShardIndex)


def _parse(model: type[Parsed], data: bytes, where: str) -> Parsed:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"{where}: not valid JSON ({error}); copy the shard set again") from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != FORMAT_VERSION:
        raise WrongUse(
            f"{where}: format {found!r}, this version reads {FORMAT_VERSION!r}; "
            "make the shards again with etl/shard.py"
        )
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        faults = "; ".join(
            ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
            for fault in error.errors()[:3]
        )
        count = error.error_count()
        raise WrongUse(f"{where}: {count} fault{'s' * (count > 1)}: {faults}") from None


def read_member(tar: Path, sample: SampleEntry, suffix: str) -> bytes:
    """Return one member's bytes by the place that the index gives."""
    offset, size = sample.members[suffix]
    with tar.open("rb") as file:
        file.seek(offset)
        return file.read(size)
