"""Parse a shard set's description: `manifest.json` and one index file beside every tar.

Order, windows, balancing and resume are computed from these small files; no tar is opened for
them. `manifest.json` is written last, so a folder without one is not a shard set yet.
"""

import re
import tarfile
from collections import Counter
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from emotalk.errors import WrongUse
from emotalk.files.small_files import parse_json
from emotalk.printable import is_printable, printable, shown
from emotalk.schema import EMOTIONS_MEAD8, FORMAT_VERSION, LANDMARKS, SPLITS

MANIFEST_NAME = "manifest.json"
LANDMARKS_MEMBER = "landmarks.npy"
NEUTRAL_MEMBER = "neutral.png"
JSON_MEMBER = "json"
VIDEO_MEMBERS = ("mp4",)
AUDIO_MEMBERS = ("flac", "wav")
TAR_NAME = re.compile(r"[^./\\][^/\\]*\.tar")
KEY = re.compile(r"[^./\\]+")
LONGEST_NAME = 255  # of a tar or a key in bytes, as file systems have it
LONGEST_ACTOR = 1000
MOST_FRAMES = 2**31 - 1  # of one clip: more than two years
MOST_BYTES = 2**50  # of one tar
MOST_COUNT = 2**40  # of clips, samples or frames


def _tar_name(name: str) -> str:
    if not TAR_NAME.fullmatch(name) or not _fits(name, LONGEST_NAME):
        raise PydanticCustomError(
            "tar_name",
            "{name} is not the name of a .tar beside the manifest",
            {"name": shown(name)},
        )
    return name


def _fits(name: str, longest: int) -> bool:
    """Return whether a name can be printed, written as UTF-8 and is not too long."""
    return is_printable(name) and 0 < len(name.encode()) <= longest


def _key(key: str) -> str:
    if not KEY.fullmatch(key) or not _fits(key, LONGEST_NAME):
        raise PydanticCustomError(
            "key",
            "{key} is not a key: no dot, slash, control character or half of a surrogate pair, at "
            "most 255 bytes",
            {"key": shown(key)},
        )
    return key


def _actor(name: str) -> str:
    if not _fits(name, LONGEST_ACTOR):
        raise PydanticCustomError(
            "actor",
            "{name} is no actor's name: letters that can be printed, 1 to 1000 bytes",
            {"name": shown(name)},
        )
    return name


def _split(name: str) -> str:
    return _one_of(name, SPLITS, "split")


def _emotion(name: str) -> str:
    return _one_of(name, EMOTIONS_MEAD8, "emotion")


def _one_of(name: str, known: tuple[str, ...], what: str) -> str:
    if name not in known:
        raise PydanticCustomError(
            "not_known",
            "{name} is no {what}: {known}",
            {"name": shown(name), "what": what, "known": ", ".join(known)},
        )
    return name


Size: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=MOST_BYTES)]
Place: TypeAlias = Annotated[int, Field(ge=0)]  # compared with the tar's bytes
Number: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=MOST_COUNT)]
Hash: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SplitName: TypeAlias = Annotated[str, AfterValidator(_split)]
Emotion: TypeAlias = Annotated[str, AfterValidator(_emotion)]
Word: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Suffix: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Coordinate: TypeAlias = Annotated[float, Field(strict=True, ge=-1e6, le=1e6)]


class Record(BaseModel):
    """A part of the files; keys that later versions add are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


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
    actor: Annotated[str, AfterValidator(_actor)]
    emotion: Emotion
    intensity: float | None = Field(default=None, ge=0, le=1)
    members: dict[Suffix, tuple[Place, Place]]


class ShardIndex(Record):
    """The index file of one tar, samples in the tar's order."""

    format: str
    samples: tuple[SampleEntry, ...]


class ShardEntry(Record):
    """One tar as the manifest describes it; hashes are sha256 in hex."""

    file: Annotated[str, AfterValidator(_tar_name)]
    split: SplitName
    samples: Number
    frames: Number
    bytes: Size
    sha256: Hash
    index_sha256: Hash


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
    mean_face: (
        Annotated[
            tuple[tuple[Coordinate, Coordinate], ...],
            Field(min_length=LANDMARKS, max_length=LANDMARKS),
        ]
        | None
    ) = None
    clips: dict[Word, Number] = {}
    rejected_by_reason: dict[Word, Number] = {}
    shards: tuple[ShardEntry, ...]
    splits: dict[SplitName, dict[str, Any]] = {}

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
OWN_FAULTS = ("tar_name", "key", "actor", "not_known", "listed_twice")
FAULTS_SHOWN = 3
Parsed = TypeVar("Parsed", Manifest, ShardIndex)


def _parse(model: type[Parsed], data: bytes, where: str) -> Parsed:
    try:
        tree = parse_json(data)
    except ValueError as error:
        raise WrongUse(
            f"{where}: not valid JSON ({printable(str(error))}); copy the shard set again"
        ) from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != FORMAT_VERSION:
        raise WrongUse(
            f"{where}: format {shown(found)}, this version reads {FORMAT_VERSION!r}; "
            "make the shards again with etl/shard.py"
        )
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        faults = "; ".join(map(_told, error.errors(include_url=False)[:FAULTS_SHOWN]))
        count = error.error_count()
        raise WrongUse(f"{where}: {count} fault{'s' * (count > 1)}: {faults}") from None


def _told(fault: ErrorDetails) -> str:
    """Return where a fault is, what is wrong and, where that does not say it yet, the value met."""
    place = printable(".".join(map(str, fault["loc"])))
    own = fault["type"] in OWN_FAULTS or fault["type"] == "missing"
    said = fault["msg"] if own else f"{fault['msg']}, got {shown(fault['input'])}"
    return f"{place}: {said}" if place else said
