"""List the pairs of a folder, by the names of its files or by its pairs.csv."""

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from emotalk.errors import WrongUse
from emotalk.files.small_files import UnfitFile, read_small
from emotalk.printable import is_printable, printable, quoted
from emotalk.schema import EMOTIONS_MEAD8, UNKNOWN

GENERATED, TRUE = "generated", "true"
TABLE = "pairs.csv"
REQUIRED = (GENERATED, TRUE)
OPTIONAL = ("name", "actor", "emotion", "text")
UNKNOWN_ACTOR = UNKNOWN
MAX_PAIRS = 20_000
MAX_TABLE_BYTES = 16 * 2**20
MAX_FAULTS = 10
LONGEST_NAME = 200  # bytes of a path or an actor's name
LONGEST_TEXT = 2000  # letters of a sentence
LAYOUT = (
    f"expected DIR/{GENERATED}/NAME.mp4 with DIR/{TRUE}/NAME.mp4, or DIR/{TABLE} with the columns "
    f"{GENERATED}, {TRUE} and, if known, {', '.join(OPTIONAL)}"
)


class Pair(NamedTuple):
    """A generated video and the true one."""

    key: str  # unique name in the report; no dot, no slash
    generated: Path
    true: Path
    actor: str = UNKNOWN_ACTOR
    emotion: str | None = None  # None if unknown
    text: str | None = None  # what is said; None if unknown


class PairList(NamedTuple):
    """The pairs of a folder, in the order of their keys, and the files that have no partner."""

    pairs: list[Pair]
    left_out: dict[str, str]  # path inside the folder -> why


def list_pairs(folder: Path) -> PairList:
    """Return the pairs of a folder.

    A `pairs.csv` alone decides where there is one. Else files are paired by their path below
    `generated` and `true`, whatever their suffixes; a folder between is the actor's name:
    `generated/ACTOR/NAME.mp4`. The table's `name` is the pair's name in the report: reports of two
    systems are compared by it.

    Raises:
        WrongUse: no such folder, no pair in it, too many files, or a table that cannot be used.
    """
    if not folder.is_dir():
        raise WrongUse(f"pairs: {folder} is no folder; {LAYOUT}")
    found = _by_table(folder) if (folder / TABLE).exists() else _by_name(folder)
    if not found.pairs:
        some = "; ".join(f"{name}: {why}" for name, why in list(found.left_out.items())[:3])
        raise WrongUse(f"pairs: {folder} holds no pair ({some or 'no files'}); {LAYOUT}")
    return found


def key_of(name: str) -> str:
    """Return a key for a path without its suffix: `a/b c.x` becomes `a_b_c_x`."""
    return re.sub(r"[^\w-]", "_", name, flags=re.ASCII)


def _by_name(folder: Path) -> PairList:
    generated, true = (_videos(folder / side) for side in REQUIRED)
    left_out = {
        printable(f"{side}/{path.relative_to(folder / side).as_posix()}"): printable(
            f"no {other}/{name}.*"
        )
        for side, own, other, others in (
            (GENERATED, generated, TRUE, true),
            (TRUE, true, GENERATED, generated),
        )
        for name, path in own.items()
        if name not in others
    }
    pairs = [
        Pair(key_of(name), path, true[name], printable(name.rpartition("/")[0]) or UNKNOWN_ACTOR)
        for name, path in generated.items()
        if name in true
    ]
    return PairList(_with_unique_keys(pairs), left_out)


def _videos(folder: Path) -> dict[str, Path]:
    """Return path below the folder without suffix -> file; hidden files are no videos.

    Raises:
        WrongUse: too many files, or two that differ in their suffix only.
    """
    found: dict[str, Path] = {}
    for path in _files(folder):
        inside = path.relative_to(folder)
        name = inside.with_suffix("").as_posix()
        if name in found:
            raise WrongUse(
                f"pairs: {found[name].name} and {path.name} in {path.parent} have one name; keep "
                f"one of them, or name the pairs in {TABLE}"
            )
        found[name] = path
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the visible files below a folder, in the order of their names."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            count += 1
            if count > MAX_PAIRS:
                raise WrongUse(f"pairs: {folder} holds more than {MAX_PAIRS} files; part them")
            yield Path(place) / name


def _by_table(folder: Path) -> PairList:
    table = folder / TABLE
    pairs: list[Pair] = []
    faults: list[str] = []
    for line, row in _rows(table):
        fault = _fault(row)
        if fault:
            faults.append(f"line {line}: {fault}")
            continue
        emotion = row.get("emotion", "").lower()
        pairs.append(
            Pair(
                key=key_of(row.get("name") or str(PurePosixPath(row[GENERATED]).with_suffix(""))),
                generated=folder / row[GENERATED],
                true=folder / row[TRUE],
                actor=row.get("actor") or UNKNOWN_ACTOR,
                emotion=None if emotion in ("", UNKNOWN) else emotion,
                text=row.get("text") or None,
            )
        )
    if faults:
        more = f"; and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise WrongUse(f"{table}: {'; '.join(faults[:MAX_FAULTS])}{more}")
    return PairList(_with_unique_keys(pairs), {})


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the table's rows, each with the number of its last line.

    Raises:
        WrongUse: it cannot be read, is no CSV, or has other columns.
    """
    try:
        text = read_small(table, max_bytes=MAX_TABLE_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        columns = [column.strip() for column in reader.fieldnames or []]
        reader.fieldnames = columns
        rows = [
            (reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader
        ]
    except (OSError, UnfitFile, UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{table}: cannot be read as a table: {printable(str(error))}") from None
    known = (*REQUIRED, *OPTIONAL)
    missing = [column for column in REQUIRED if column not in columns]
    other = [column for column in columns if column not in known]
    twice = [column for column in known if columns.count(column) > 1]
    if missing or other or twice:
        raise WrongUse(
            f"{table}: columns {printable(', '.join(columns)) or 'none'}; needed once each: "
            f"{', '.join(REQUIRED)}; allowed: {', '.join(OPTIONAL)}"
        )
    if len(rows) > MAX_PAIRS:
        raise WrongUse(f"{table}: {len(rows)} rows, at most {MAX_PAIRS}; part the table")
    return rows


def _fault(row: dict[str, str]) -> str | None:
    for side in REQUIRED:
        path = PurePosixPath(row[side])
        if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in row[side]:
            return f"{side} {quoted(row[side])} is no path inside the folder"
    for name in (*REQUIRED, *OPTIONAL):
        longest = LONGEST_TEXT if name == "text" else LONGEST_NAME
        value = row.get(name, "")
        if not is_printable(value) or len(value.encode(errors="replace")) > longest:
            return f"{name} {quoted(value)} has control characters or more than {longest} bytes"
    if row.get("emotion", "").lower() not in ("", UNKNOWN, *EMOTIONS_MEAD8):
        emotions = ", ".join(EMOTIONS_MEAD8)
        return f"emotion {quoted(row['emotion'])} is none of {emotions}; leave it empty if unknown"
    return None


def _with_unique_keys(pairs: list[Pair]) -> list[Pair]:
    """Return the pairs ordered by their keys, with numbers behind keys that occur again."""
    taken: set[str] = set()
    unique: list[Pair] = []
    for pair in sorted(pairs, key=lambda pair: (pair.key, str(pair.generated), str(pair.true))):
        key, number = pair.key, 1
        while key in taken:
            number += 1
            key = f"{pair.key}-{number}"
        taken.add(key)
        unique.append(pair._replace(key=key))
    return sorted(unique)
