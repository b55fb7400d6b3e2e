"""List a folder of clips by its CSV with the columns clip, actor, emotion and, if known, level.

`clip` is a path inside the source. An empty `emotion` is an unknown one. Further columns go into
the sample's JSON.
"""

import csv
import io
import os
import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

from emotalk.config.etl import EtlConfig
from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.printable import is_printable, printable, quoted
from emotalk.schema import UNKNOWN, ClipLabel
from emotalk.shards.members import BESIDE_LABEL
from emotalk.shards.record import LONGEST_ACTOR
from etl.corpora.listing import EMOTION_WORDS, LEVEL_WORDS, Listing, SourceClip
from etl.corpora.source import FolderSource, Source, open_source

REQUIRED = ("clip", "actor", "emotion")
UNLABELLED = ("", UNKNOWN)
WORDS_SUFFIX = ".words.csv"
MAX_FAULTS = 20
LEVEL = re.compile(r"\d*\.?\d+")
LONGEST_LEVEL = 40  # letters of a number from 0 to 1
LONGEST_KEY = 200  # bytes: a key plus its endings is a file's name of at most 255


def list_clips(config: EtlConfig) -> Listing:
    """Return the clips that the CSV names.

    Raises:
        WrongUse: no CSV, a column missing, or rows with values that cannot be used (all listed).
    """
    source = open_source(config)
    table = config.clips or f"{config.source.rstrip('/')}/clips.csv"
    clips, faults, left_out = [], [], 0
    row_of: dict[str, tuple[str, int]] = {}
    for line, row in _rows(table, _text(source, config)):
        problem = _fault(row, config)
        if not problem:
            name, earlier = row_of.setdefault(_file(row["clip"]), (row["clip"], line))
            if name != row["clip"]:
                problem = f"clip {quoted(row['clip'])} is the file of line {earlier}"
        if problem:
            faults.append(f"line {line}: {problem}")
        elif _emotion(row) not in (None, *config.emotion_names):
            left_out += 1
        else:
            clips.append(_clip(source, row))
    _refuse(table, faults)
    if not clips and not left_out:
        raise WrongUse(f"{table}: names no clip")
    return Listing(tuple(clips), left_out=left_out)


def key_of(clip: str) -> str:
    """Return the sample key of a clip's path: `a/b.mp4` becomes `a_b_mp4`."""
    return clip.replace("/", "_").replace(".", "_")


def _file(clip: str) -> str:
    """Return a clip's path in one form, without `./` and `//`."""
    return unicodedata.normalize("NFC", str(PurePosixPath(clip)))


def _text(source: Source, config: EtlConfig) -> str | None:
    """Return the table's text, None where the file is missing."""
    if config.clips is None:
        return source.text("clips.csv")
    table = Path(config.clips).expanduser()
    return FolderSource(table.parent).text(table.name)


def _rows(table: str, text: str | None) -> list[tuple[int, dict[str, str]]]:
    """Return the rows, each with the number of its last line."""
    if text is None:
        raise WrongUse(
            f"clips: no file {table}; the folder corpus needs a CSV with the columns clip, actor, "
            "emotion, level: SOURCE/clips.csv or clips=FILE; for a folder on disk "
            "`emotalk corpus init SOURCE` writes one"
        )
    try:
        # strict: else a quote that is never closed would take in all rows after it
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        columns = [column.strip() for column in reader.fieldnames or []]
        reader.fieldnames = columns
        rows = [
            (reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader
        ]
    except csv.Error as error:
        raise WrongUse(f"clips: {table} is no CSV: {error}") from None
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise WrongUse(
            f"{table}: no column {', '.join(missing)} (found: "
            f"{printable(', '.join(columns)) or 'none'}); "
            "needed: clip, actor, emotion; level may be left out"
        )
    taken = [column for column in columns if column in (*BESIDE_LABEL, "intensity")]
    if taken:
        raise WrongUse(
            f"{table}: the ETL itself writes {', '.join(taken)} into a sample's JSON; give such a "
            "column another name"
        )
    twice = [column for column in (*REQUIRED, "level") if columns.count(column) > 1]
    if twice:
        raise WrongUse(f"{table}: {columns.count(twice[0])} columns {twice[0]}; name each once")
    return rows


def _fault(row: dict[str, str], config: EtlConfig) -> str | None:
    if not row["clip"] or not row["actor"]:
        return "clip and actor must not be empty"
    if row["emotion"].lower() not in {*EMOTION_WORDS, *UNLABELLED}:
        names = ", ".join(config.emotion_names)
        return f"emotion {quoted(row['emotion'])} is none of {names}; leave it empty if unknown"
    if _level(row.get("level", "")) is False:
        level = quoted(row["level"])
        return f"level {level} is neither LO, MD, HI, XX, empty nor a number from 0 to 1"
    return name_fault(row["clip"], row["actor"])


def name_fault(clip: str, actor: str) -> str | None:
    """Return why a table must not name such a clip or actor; None where it may."""
    for word in (clip, actor):
        if not is_printable(word):
            return f"{quoted(word)} holds control characters, or marks of lines or of direction"
    if len(actor.encode()) > LONGEST_ACTOR:
        return f"actor {actor[:40]!r}... is longer than {LONGEST_ACTOR} bytes"
    if len(key_of(clip).encode()) > LONGEST_KEY:
        return f"clip {clip[:40]!r}... is longer than {LONGEST_KEY} bytes"
    if "\\" in clip:
        return f"clip {clip!r} has a backslash; part folders by /"
    path = PurePosixPath(clip)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return f"clip {clip!r} is not a path inside the source"
    return None


def _emotion(row: dict[str, str]) -> str | None:
    """Return the name of a row's emotion, None where it is unknown."""
    word = row["emotion"].lower()
    return None if word in UNLABELLED else EMOTION_WORDS[word]


def _level(text: str) -> float | bool | None:
    """Return the intensity, or False for a text that is no level."""
    if text.lower() in LEVEL_WORDS:
        return LEVEL_WORDS[text.lower()]
    if len(text) <= LONGEST_LEVEL and LEVEL.fullmatch(text) and 0 <= float(text) <= 1:
        return float(text)
    return False


def _clip(source: Source, row: dict[str, str]) -> SourceClip:
    known = (*REQUIRED, "level")
    extra: dict[str, Any] = {k: v for k, v in row.items() if k not in known and v}
    level = _level(row.get("level", ""))
    label = ClipLabel(
        key=key_of(row["clip"]),
        clip=row["clip"],
        actor=row["actor"],
        emotion=_emotion(row),
        intensity=None if level is None else float(level),
        extra=extra,
    )
    return SourceClip(label, source.media(row["clip"]), words=_words(source, row["clip"]))


def _words(source: Source, clip: str) -> Path | None:
    """Return the file with a clip's word times beside it; a source at a URL is not asked for it."""
    if not isinstance(source, FolderSource):
        return None
    path = source.media(str(PurePosixPath(clip).with_suffix(WORDS_SUFFIX)))
    return path if os.path.lexists(path) else None


def _refuse(table: str, faults: list[str]) -> None:
    if faults:
        more = len(faults) - MAX_FAULTS
        shown = [*faults[:MAX_FAULTS], *([f"and {more} more"] if more > 0 else [])]
        raise WrongUse(
            "\n  ".join([f"{table}: {counted(len(faults), 'row')} cannot be used:", *shown])
        )
