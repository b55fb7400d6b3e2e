"""Choose the clips that the report shows, and make their pictures."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from emotalk.faces.draw import draw_landmarks
from emotalk.media.thumbnail import thumbnail_jpeg
from emotalk.quality_report.facts import Facts
from emotalk.quality_report.measure_views import VIEWS, MeasureView, limits_of
from emotalk.rejection_reasons import REASONS
from emotalk.schema import UNKNOWN
from emotalk.seeding import draw_seed
from emotalk.shards.clip import read_window
from emotalk.shards.reader import DataFault, SampleReader
from emotalk.shards.rejected import RejectedClip
from emotalk.shards.rejected_pictures import first_rejected
from emotalk.shards.sample_table import Sample
from emotalk.shards.statistics import level_of

EXTREMES, DRAWN = 16, 24  # clips of a sheet
SEED = 0


@dataclass(frozen=True)
class Tile:
    """One clip of a contact sheet."""

    name: str
    caption: str  # its value, or why it was rejected
    label: str = ""  # emotion and level
    jpeg: bytes = b""  # empty where there is no picture


@dataclass(frozen=True)
class Sheet:
    """A contact sheet."""

    title: str
    note: str
    tiles: tuple[Tile, ...]


def accepted_sheets(facts: Facts, reader: SampleReader) -> list[Sheet]:
    """Return the accepted clips at the end of each measure, then some drawn by a fixed seed."""
    sheets = [_extremes(view, facts, reader) for view in VIEWS if view.extreme_title]
    drawn = sorted(facts.samples, key=lambda sample: draw_seed(SEED, "report", sample.key))[:DRAWN]
    tiles = tuple(_tile(facts, reader, sample) for sample in drawn)
    drawn_sheet = Sheet("Drawn at random", f"{len(tiles)} of {len(facts.samples)} clips", tiles)
    return [sheet for sheet in (*sheets, drawn_sheet) if sheet.tiles]


def rejected_sheets(facts: Facts) -> dict[str, Sheet]:
    """Return reason -> its first clips, the most frequent reason first."""
    counts = facts.rejected_by_reason
    first = first_rejected(facts.rejected)
    return {
        reason: Sheet(
            reason,
            f"the first {len(tiles)} of {counts[reason]}" if len(tiles) < counts[reason] else "",
            tiles,
        )
        for reason in counts
        if (tiles := tuple(_rejected_tile(facts, c) for c in first if c.reason == reason))
    }


def _extremes(view: MeasureView, facts: Facts, reader: SampleReader) -> Sheet:
    """Return the sheet of the clips at the end of a measure that is looked at."""
    rank = RANKS[view.extreme]
    measured = [
        (value, sample)
        for sample in facts.samples
        if (value := facts.value(sample.key, view.name)) is not None
    ]
    first = heapq.nsmallest(EXTREMES, measured, key=lambda pair: (rank(pair[0]), pair[1].key))
    limits = ", ".join(f"{name} = {value:g}" for name, value in limits_of(view, facts.drawn_limits))
    tiles = (
        _tile(facts, reader, sample, view.form.format(value), landmarks=view.landmarks)
        for value, sample in first
    )
    note = f"{view.meaning}; limit: {limits}" if limits else view.meaning
    return Sheet(view.extreme_title, note, tuple(tiles))


RANKS: dict[str, Callable[[float], float]] = {
    "lowest": lambda value: value,
    "highest": lambda value: -value,
    "furthest": lambda value: -abs(value),
}


def _tile(
    facts: Facts,
    reader: SampleReader,
    sample: Sample,
    caption: str = "",
    *,
    landmarks: bool = False,
) -> Tile:
    """Return the tile of an accepted clip: its middle crop."""
    known = "" if sample.intensity is None else f" {level_of(sample.intensity)}"
    measures = facts.measures.get(sample.key)
    return Tile(
        name=sample.key if measures is None else measures.clip,
        caption=caption,
        label=f"{sample.emotion or UNKNOWN}{known}",
        jpeg=_middle_crop(reader, sample, landmarks=landmarks),
    )


def _middle_crop(reader: SampleReader, sample: Sample, *, landmarks: bool) -> bytes:
    """Return the middle crop as JPEG; empty where it cannot be read."""
    try:
        clip = read_window(reader, sample, start=sample.frames // 2, frames=1, extras=())
    except DataFault:
        return b""
    crop = clip.video_THWC[0]
    return thumbnail_jpeg(draw_landmarks(crop, clip.landmarks_TLP[0]) if landmarks else crop)


def _rejected_tile(facts: Facts, line: RejectedClip) -> Tile:
    advice = f"; {REASONS[line.reason].advice}" if line.reason in REASONS else ""
    return Tile(
        name=line.clip,
        caption=line.detail.removesuffix(advice),
        jpeg=facts.pictures.get(line.clip, b""),
    )
