"""Define what the checks measured of each clip, `measures.jsonl`: one JSON object a line.

The file lies beside the manifest and is part of no hash; sets of older versions have none.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field

from emotalk.shards.json_lines import each_fit_line, fit_lines
from emotalk.shards.names import MEASURES_NAME
from emotalk.shards.record import Record

DIGITS = 6  # significant ones
LARGEST = 1e9


Value: TypeAlias = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class ClipMeasures(Record):
    """One line: the values of a clip, accepted or rejected; None where it was not measured."""

    clip: str
    key: str
    seconds: Value | None = None  # length at 25 Hz
    loudness_db: Value | None = None  # RMS, dB of full scale
    face_pixels: Value | None = None  # longer side of the face's box in the source, median frame
    sharpness: Value | None = None  # of the crops, median frame; see `etl/clip/quality.py`
    landmark_error: Value | None = None  # of the first frame, in template pixels
    landmark_drift: Value | None = None  # in units of the face's size
    face_jump: Value | None = None  # largest between frames, crop pixels in 1/25 s
    face_motion: Value | None = None  # of parts of the face relative to it, crop pixels
    sync_offset: Value | None = None  # frames; positive: the sound is late
    sync_confidence: Value | None = None


MEASURES = tuple(name for name in ClipMeasures.model_fields if name not in ("clip", "key"))


def clip_measures(clip: str, key: str, measures: Mapping[str, float]) -> ClipMeasures:
    """Return the line of a clip, its values rounded; what is beyond all bounds was not measured."""
    values = {
        name: float(f"{measures[name]:.{DIGITS}g}")
        for name in MEASURES
        if name in measures and abs(measures[name]) <= LARGEST
    }
    return ClipMeasures.model_validate({"clip": clip, "key": key, **values})


def measures_of(line: ClipMeasures) -> dict[str, float]:
    """Return the values of a line that were measured."""
    return line.model_dump(include={*MEASURES}, exclude_none=True)


def with_values(lines: Iterable[ClipMeasures]) -> Iterator[ClipMeasures]:
    """Yield the lines of `measures.jsonl`: those that have a value."""
    return (line for line in lines if measures_of(line))


def each_measures(folder: Path) -> Iterator[ClipMeasures]:
    """Yield the lines of a set one by one; none where the file is missing."""
    return each_fit_line(ClipMeasures, folder / MEASURES_NAME)


def read_measures(folder: Path) -> dict[str, ClipMeasures]:
    """Return the lines of a set by key; none where the file is missing."""
    return {line.key: line for line in fit_lines(ClipMeasures, folder / MEASURES_NAME)}
