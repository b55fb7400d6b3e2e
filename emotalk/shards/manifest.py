"""Define the manifest: the description of a whole shard set, written last.

A folder without `manifest.json` is not a shard set yet.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from emotalk.schema import FORMAT_VERSION, LANDMARKS
from emotalk.shards.record import (
    Coordinate,
    Count,
    Record,
    Sha256,
    Size,
    SplitName,
    TarName,
    Word,
    json_bytes,
)


class ShardEntry(Record):
    """One tar as the manifest describes it; hashes are sha256 in hex."""

    file: TarName
    split: SplitName
    samples: Count
    frames: Count
    bytes: Size
    sha256: Sha256
    index_sha256: Sha256


LEFT_OUT = {
    "no_voice": "without voice",
    "no_face": "without a face",
    "several_faces": "with several faces",
    "damaged": "of damaged picture",
    "broken": "of speech between cuts, too short or without a pause",
}
"""Reasons for which parts of a recording are in no clip, in words."""


class RecordingEntry(Record):
    """A file that was cut into clips.

    A stretch is its begin and end in ms, the index of its first frame, and the CRC of its frames'
    times in microseconds.
    """

    clip: str  # the file's name in the corpus
    sha256: Sha256
    seconds: Annotated[float, Field(ge=0)]  # that picture and sound share
    stretches: tuple[tuple[Count, Count, Count, Count], ...]
    left_out_s: dict[Word, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)


def left_out_words(left_out_s: Mapping[str, float]) -> list[str]:
    """Return in words how many seconds of a recording are in no clip, and why."""
    shown = {why: seconds for why, seconds in left_out_s.items() if seconds >= 0.5}
    return [f"{seconds:.0f} s {LEFT_OUT.get(why, why)}" for why, seconds in shown.items()]


class Manifest(Record):
    """The description of a whole shard set."""

    format: str = FORMAT_VERSION
    # the settings and digests that decide the bytes
    config: dict[str, Any] = Field(default_factory=dict)
    # 68 mean landmarks of the training split in crop pixels, if known
    mean_face: (
        Annotated[
            tuple[tuple[Coordinate, Coordinate], ...],
            Field(min_length=LANDMARKS, max_length=LANDMARKS),
        ]
        | None
    ) = None
    clips: dict[Word, Count] = Field(default_factory=dict)  # {found, accepted, rejected, left_out}
    rejected_by_reason: dict[Word, Count] = Field(default_factory=dict)  # reason -> count
    shards: tuple[ShardEntry, ...]  # every tar, in the order that samples are numbered in
    # the long files whose stretches are clips; the key is absent where there is none
    recordings: tuple[RecordingEntry, ...] = ()
    # split -> {samples, actors, emotions, levels}
    splits: dict[SplitName, dict[str, Any]] = Field(default_factory=dict)
    # paths, workers and times of the job; they decide no byte
    run: dict[str, Any] = Field(default_factory=dict)

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
        """Return the splits that have at least one shard, in order of appearance."""
        return tuple(dict.fromkeys(shard.split for shard in self.shards))

    def to_json(self) -> bytes:
        """Return the content of `manifest.json`."""
        without = None if self.recordings else {"recordings"}
        return json_bytes(self.model_dump(exclude=without), indent=1)
