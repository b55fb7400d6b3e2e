"""What a shard set says of itself: `manifest.json` and one index file beside every tar.

Order, windows, balancing and resume are computed from these small files; no tar is opened for
them. `manifest.json` is written last, so a folder without one is not a shard set yet.
"""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from emotalk.errors import WrongUse
from emotalk.schema import FORMAT_VERSION

MANIFEST_NAME = "manifest.json"
LANDMARKS_MEMBER = "landmarks.npy"
NEUTRAL_MEMBER = "neutral.png"
JSON_MEMBER = "json"
VIDEO_MEMBERS = ("mp4",)
AUDIO_MEMBERS = ("flac", "wav")


class Record(BaseModel):
    """A part of the files; keys that later versions add are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SampleEntry(Record):
    """One sample as its shard's index describes it.

    Attributes:
        key: the sample's name, unique in the shard set.
        frames: length at 25 Hz.
        actor: who is seen.
        emotion: an emotion's name.
        intensity: in [0, 1], or None where the corpus does not say.
        members: suffix after the key (`mp4`, `landmarks.npy`) -> (offset of the member's data in
            the tar, its size), both in bytes.
    """

    key: str = Field(min_length=1)
    frames: PositiveInt
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

    file: str
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
            tar the manifest describes.
    """
    index = _parse(ShardIndex, data, where)
    frames = sum(sample.frames for sample in index.samples)
    if (len(index.samples), frames) != (shard.samples, shard.frames):
        raise WrongUse(
            f"{where}: lists {len(index.samples)} samples with {frames} frames, the manifest says "
            f"{shard.samples} with {shard.frames}; {REMAKE}"
        )
    for sample in index.samples:
        for member, (offset, size) in sample.members.items():
            if offset + size > shard.bytes:
                raise WrongUse(
                    f"{where}: {sample.key}.{member} would end at byte {offset + size}, but "
                    f"{shard.file} has {shard.bytes}; {REMAKE}"
                )
    return index


REMAKE = "the index does not belong to this tar: copy the shard set again or run etl/shard.py again"
Parsed = TypeVar("Parsed", Manifest, ShardIndex)


def _parse(model: type[Parsed], data: bytes, where: str) -> Parsed:
    try:
        tree = json.loads(data)
    except ValueError as error:
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
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:3]
        )
        raise WrongUse(f"{where}: {error.error_count()} faults: {faults}") from None
