"""Draw a contact sheet of a shard set: first crops with landmarks, in rows by emotion."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from emotalk.errors import WrongUse
from emotalk.faces.draw import contact_sheet, draw_landmarks
from emotalk.files.new_file import check_new_file
from emotalk.media.lossless import png_bytes
from emotalk.schema import UNKNOWN, Bytes
from emotalk.shards.clip import read_window
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample
from emotalk.shards.statistics import level_of

COLUMNS = 8  # clips of an emotion, of as many people and levels as possible
SUFFIX = ".png"
LONGEST_KEY = 28  # letters that fit under a tile beside emotion and level


def check_sheet(path: Path, *, overwrite: bool) -> None:
    """Check that a picture can be written to a path, before any work is done.

    Raises:
        WrongUse: it is no PNG's name, exists already, or its folder is missing.
    """
    check_new_file(path, what="contact sheet", suffix=SUFFIX, overwrite=overwrite)


def write_sheet(path: Path, reader: SampleReader, samples: Iterable[Sample]) -> None:
    """Write the contact sheet; without samples nothing is written.

    Raises:
        WrongUse: the file cannot be written.
        DataFault: a sample cannot be read.
    """
    by_emotion: dict[str, list[Sample]] = {}
    for sample in samples:
        by_emotion.setdefault(sample.emotion or UNKNOWN, []).append(sample)
    tiles: list[Bytes] = []
    captions: list[str] = []
    for emotion in sorted(by_emotion):
        shown = _mixed(by_emotion[emotion])[:COLUMNS]
        tiles += [_tile(reader, sample) for sample in shown]
        captions += [_caption(sample) for sample in shown]
        gap = COLUMNS - len(shown)
        tiles += [np.full_like(tiles[-1], 255)] * gap
        captions += [""] * gap
    if not tiles:
        return
    try:
        path.write_bytes(png_bytes(contact_sheet(tiles, captions, columns=COLUMNS)))
    except OSError as error:
        raise WrongUse(f"contact sheet: cannot write {path}: {error.strerror}") from None


def _mixed(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples, ordered so that the first ones show many people and levels."""
    seen: dict[tuple[str, str], int] = {}
    people: dict[str, int] = {}
    ranked = []
    for place, sample in enumerate(samples):
        pair = (sample.actor, level_of(sample.intensity))
        seen[pair] = seen.get(pair, 0) + 1
        people[sample.actor] = people.get(sample.actor, 0) + 1
        ranked.append((people[sample.actor], seen[pair], place, sample))
    return [sample for *_, sample in sorted(ranked, key=lambda entry: entry[:3])]


def _caption(sample: Sample) -> str:
    level = level_of(sample.intensity)
    known = "" if sample.intensity is None else f" {level}"
    key = sample.key if len(sample.key) <= LONGEST_KEY else f"..{sample.key[2 - LONGEST_KEY :]}"
    return f"{sample.emotion or UNKNOWN}{known} {key}"


def _tile(reader: SampleReader, sample: Sample) -> Bytes:
    """Return a sample's first crop, enlarged, with a dot at each landmark."""
    first = read_window(reader, sample, start=0, frames=1, extras=())
    return draw_landmarks(first.video_THWC[0], first.landmarks_TLP[0], enlarge=2)
