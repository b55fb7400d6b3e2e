"""Write the report of a shard set: one HTML page that needs nothing beside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotalk.errors import WrongUse
from emotalk.files.atomic_write import atomic_write
from emotalk.files.new_file import check_new_file
from emotalk.html_pages.render import data_address, render_page
from emotalk.quality_report.contact_sheets import accepted_sheets, rejected_sheets
from emotalk.quality_report.facts import Facts, collect
from emotalk.quality_report.histogram import HEIGHT, WIDTH, Histogram, histogram
from emotalk.quality_report.measure_views import VIEWS
from emotalk.rejection_reasons import REASONS
from emotalk.schema import FPS, UNKNOWN
from emotalk.shards.manifest import Manifest, RecordingEntry, left_out_words
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from emotalk.shards.statistics import LEVELS, level_of
from emotalk.shards.storage import DiskStorage

TEMPLATE = Path(__file__).with_name("page.html")
GENERATOR = "emotalk shard set report"
MOST_BYTES = 1_600_000  # of the pictures of a page, encoded
MOST_RECORDINGS = 50


@dataclass(frozen=True)
class Row:
    """A row of the table of accepted clips."""

    name: str
    cells: tuple[str, ...]  # of each split, then of all
    share: float | None = None  # of all clips; None where the row counts something else


class Embedding:
    """Make addresses of pictures, as long as the page has room for them."""

    def __init__(self, room: int) -> None:
        """Start with room for so many bytes of addresses."""
        self._room = room

    def __call__(self, jpeg: bytes) -> str:
        """Return a JPEG as an address that holds it; empty without one, or without room for it."""
        address = data_address(jpeg, "image/jpeg")
        if not jpeg or len(address) > self._room:
            return ""
        self._room -= len(address)
        return address


def write_report(
    path: Path, folder: Path, manifest: Manifest, *, aside: Path | None = None
) -> None:
    """Write the report of the set in `folder`; the partial file lies in `aside`, else beside it.

    Raises:
        WrongUse: an index of the set is missing or damaged, or the page cannot be written.
    """
    storage = DiskStorage(folder)
    shard_set = ShardSet(str(folder), manifest, storage)
    try:
        page = report_page(collect(folder, shard_set), SampleReader(shard_set))
    finally:
        storage.close()
    try:
        with atomic_write(path, aside=aside, on_disk=False) as file:
            file.write(page)
    except OSError as error:
        raise WrongUse(f"report: cannot write {path}: {error.strerror}") from None


def check_report(path: Path, *, overwrite: bool) -> None:
    """Check that a report can be written to a path, before any work is done.

    Raises:
        WrongUse: it is no HTML page's name, exists already, or its folder is missing.
    """
    check_new_file(path, what="report", suffix=".html", overwrite=overwrite)


def is_report(path: Path) -> bool:
    """Return whether a file is a report of this program."""
    try:
        with path.open("rb") as file:
            return f'name="generator" content="{GENERATOR}"'.encode() in file.read(1024)
    except OSError:
        return False


def report_page(facts: Facts, reader: SampleReader) -> bytes:
    """Return the page: the same bytes for the same set, wherever it lies."""
    content = {**_content(facts, reader), "plot_width": WIDTH, "plot_height": HEIGHT}
    jpeg = Embedding(MOST_BYTES)
    return render_page(TEMPLATE, content, filters={"left_out": _left_out_words, "jpeg": jpeg})


def _left_out_words(left_out_s: Mapping[str, float]) -> str:
    return ", ".join(left_out_words(left_out_s))


def _content(facts: Facts, reader: SampleReader) -> dict[str, Any]:
    clips = facts.manifest.clips
    return {
        "generator": GENERATOR,
        "corpus": facts.manifest.config.get("corpus", ""),
        "found": clips.get("found", 0),
        "accepted": len(facts.samples),
        "rejected": clips.get("rejected", 0),
        "left_out": clips.get("left_out", 0),
        "minutes": _minutes(facts.samples),
        "people": len({sample.actor for sample in facts.samples}),
        "reasons": facts.rejected_by_reason,
        "known_reasons": REASONS,
        "splits": facts.manifest.split_names,
        "tables": _tables(facts),
        "recordings": _recordings(facts),
        "all_recordings": len(facts.manifest.recordings),
        "measured": sum(sample.key in facts.measures for sample in facts.samples),
        "histograms": _histograms(facts),
        "accepted_sheets": accepted_sheets(facts, reader),
        "rejected_sheets": rejected_sheets(facts),
        "limits": facts.limits,
    }


def _tables(facts: Facts) -> list[tuple[str, list[Row]]]:
    """Return the accepted clips by split: how many, of which emotions, at which levels."""
    columns = [
        [sample for sample in facts.samples if facts.split_of[sample.key] == name]
        for name in facts.manifest.split_names
    ]
    columns.append([*facts.samples])
    whole = [
        Row("clips", tuple(str(len(column)) for column in columns)),
        Row("people", tuple(str(len({sample.actor for sample in c})) for c in columns)),
        Row("minutes", tuple(f"{_minutes(column):.1f}" for column in columns)),
    ]
    emotions = _counted([Counter(sample.emotion or UNKNOWN for sample in c) for c in columns])
    levels = _counted([Counter(level_of(sample.intensity) for sample in c) for c in columns])
    levels.sort(key=lambda row: LEVELS.index(row.name))
    return [("All", whole), ("Emotion", emotions), ("Level", levels)]


def _counted(columns: Sequence[Counter[str]]) -> list[Row]:
    """Return a row for each name that is counted; the last column counts all clips."""
    return [
        Row(name, tuple(str(counts[name]) for counts in columns), number / columns[-1].total())
        for name, number in sorted(columns[-1].items())
    ]


def _minutes(samples: Sequence[Sample]) -> float:
    return sum(sample.frames for sample in samples) / FPS / 60


def _recordings(facts: Facts) -> list[tuple[RecordingEntry, float]]:
    """Return the long recordings and the share of each that is in stretches, the least first."""
    shares = [
        (entry, sum(end - start for start, end, *_ in entry.stretches) / 1000 / entry.seconds)
        for entry in facts.manifest.recordings
        if entry.seconds > 0
    ]
    return sorted(shares, key=lambda pair: (pair[1], pair[0].clip))[:MOST_RECORDINGS]


def _histograms(facts: Facts) -> list[Histogram]:
    accepted = {sample.key for sample in facts.samples}
    found = []
    for view in VIEWS:
        values: tuple[list[float], list[float]] = ([], [])
        for key in facts.measures:
            value = facts.value(key, view.name)
            if value is not None:
                values[key not in accepted].append(value)
        if values[0] or values[1]:
            found.append(histogram(view, *values, facts.drawn_limits))
    return found
