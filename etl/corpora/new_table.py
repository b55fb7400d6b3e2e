"""Write clips.csv for a folder of recordings, and say what was guessed and on what ground."""

import csv
import io
import os
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from emotalk.errors import WrongUse
from emotalk.files.atomic_write import PART, claim_name
from emotalk.printable import printable, quoted
from emotalk.schema import EMOTIONS_MEAD8, UNKNOWN
from etl.corpora.folder import key_of, name_fault
from etl.corpora.label_guess import WHOLE_WORDS, ActorFrom, Guess, LabelOptions, guess_labels
from etl.corpora.listing import VIDEO_SUFFIXES
from etl.corpora.source import FolderSource
from etl.corpora.spoken_text import spoken_text
from etl.corpora.table_report import NAME, Found, advice_lines, counted, report_lines

COLUMNS = ("clip", "actor", "emotion", "level", "text")
MORE_SUFFIXES = (
    ".3g2", ".3gp", ".amv", ".asf", ".dv", ".f4v", ".m2ts", ".mj2", ".mts", ".mxf", ".nut",
    ".rm", ".rmvb", ".ts", ".vob", ".wmv",
)  # fmt: skip
SUFFIXES = frozenset((*VIDEO_SUFFIXES, *MORE_SUFFIXES))


def label_options(
    *, actor_from: ActorFrom, actor: str | None, emotion: str | None, pattern: str | None
) -> LabelOptions:
    """Return the labels and rules that the options of the command give.

    Raises:
        WrongUse: options that contradict each other, or a value that cannot be used.
    """
    if actor is not None and actor_from not in ("auto", "single"):
        raise WrongUse(
            f"--actor names the person of all clips; leave --actor-from {actor_from} out"
        )
    if actor is not None and (not actor.strip() or name_fault("x.mp4", actor)):
        raise WrongUse(f"--actor {quoted(actor)}: {name_fault('x.mp4', actor) or 'is empty'}")
    name = None
    if emotion is not None:
        known = {**WHOLE_WORDS, UNKNOWN: UNKNOWN}
        name = known.get(emotion.strip().lower())
        if name is None:
            raise WrongUse(
                f"--emotion {quoted(emotion)} is none of {', '.join(EMOTIONS_MEAD8)}, {UNKNOWN}"
            )
    return LabelOptions(
        actor_from, None if actor is None else actor.strip(), name, _compiled(pattern)
    )


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise WrongUse(f"--pattern {quoted(pattern)} is no regular expression: {error}") from None
    groups, known = set(compiled.groupindex), {"actor", "emotion", "level", "text"}
    if not groups or groups - known:
        raise WrongUse(
            f"--pattern {quoted(pattern)}: its groups are {', '.join(sorted(groups)) or 'none'}; "
            "name some of them (?P<actor>...), (?P<emotion>...), (?P<level>...), (?P<text>...)"
        )
    return compiled


def write_table(folder: Path, table: Path | None, options: LabelOptions) -> list[str]:
    """Write the table of a folder's recordings, and return what to tell the user.

    Args:
        folder: of the recordings.
        table: the file to write; None: `clips.csv` in the folder.
        options: labels and rules for all recordings.

    Raises:
        WrongUse: there is such a file already, no such folder, or no recording in it.
    """
    path = table or folder / NAME
    _refuse_existing(path)
    if table is not None and not table.parent.is_dir():
        raise WrongUse(f"{table}: the folder {table.parent} does not exist; make it first")
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "no such folder"
        raise WrongUse(f"{folder}: {what}; give the folder of the recordings")
    found = _find(folder)
    guesses = [
        replace(guess, text=spoken_text(folder, clip, found.names) or guess.text)
        for clip, guess in zip(found.clips, guess_labels(found.clips, options), strict=True)
    ]
    _write(path, _csv(found.clips, guesses))
    return [*report_lines(folder, found, guesses), *advice_lines(folder, path, guesses)]


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise WrongUse(
            f"{path} exists already and is left as it is; edit it, or write another table with "
            "--output FILE.csv, which the ETL reads by clips=FILE.csv"
        )


def _find(folder: Path) -> Found:
    """Return the recordings below a folder, as the ETL's source lists them."""
    source = FolderSource(folder)
    names = source.files("") or []
    clips: list[str] = []
    unfit: list[str] = []
    others: Counter[str] = Counter()
    keys: dict[str, str] = {}
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in SUFFIXES:
            others[suffix or "without suffix"] += 1
        elif fault := _unfit(name, keys):
            unfit.append(f"{printable(name, longest=80)}: {fault}")
        else:
            clips.append(name)
    if not clips:
        raise WrongUse(
            f"{folder}: no recording with picture and sound"
            + (f"; {unfit[0]}" if unfit else "")
            + (f"; found {counted(others)}" if others else "")
            + f"; known are {', '.join(sorted(SUFFIXES))}"
        )
    return Found(tuple(clips), tuple(unfit), others, source.system_files, frozenset(names))


def _unfit(name: str, keys: dict[str, str]) -> str | None:
    """Return why a table cannot name a recording; `keys` are those of the names before."""
    if name != name.strip():
        return "a name that begins or ends with a space"
    if fault := name_fault(name, "x"):
        return fault
    earlier = keys.setdefault(unicodedata.normalize("NFC", key_of(name)), name)
    if earlier != name:
        return f"gets the key of {printable(earlier, longest=80)}; rename one of them"
    return None


def _csv(clips: Sequence[str], guesses: Sequence[Guess]) -> bytes:
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for clip, guess in zip(clips, guesses, strict=True):
        writer.writerow((clip, guess.actor, guess.emotion or "", guess.level, guess.text))
    return target.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    """Write a new file whole; one that came into being meanwhile stays."""
    part = path.with_name(f".{secrets.token_hex(8)}{PART}")
    try:
        part.write_bytes(content)
        claim_name(part, path)
    except FileExistsError:
        _refuse_existing(path)
    finally:
        part.unlink(missing_ok=True)
