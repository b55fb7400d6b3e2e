"""Read which runs a sweep has: the products of `KEY=v1,v2` and of the lines of a file."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from emotalk.errors import WrongUse

NAME_LENGTH = 80  # characters of a run's name
MOST_RUNS = 10_000
UNFIT = re.compile(r"[^A-Za-z0-9._=+-]+")
OPENING, CLOSING = "[{(", "]})"


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: of its folder: its number and its words.
        words: `key=value` for train.py.
    """

    name: str
    words: tuple[str, ...]


def sweep_runs(given: Sequence[str]) -> list[SweepRun]:
    """Return the runs of a sweep, in the order of its array's numbers.

    Args:
        given: `KEY=v1,v2,...`, commas in brackets and quotes left alone, or files, a run a line, of
            `key=value` words; `#` begins a comment. Several are combined, the last varies fastest.

    Raises:
        WrongUse: a word is neither, a key is given twice or may not vary, or a file cannot be read.
    """
    if not given:
        raise WrongUse("no values; give KEY=v1,v2,... or a file with a run a line")
    factors = [_factor(word) for word in given]
    runs = [tuple(word for words in chosen for word in words) for chosen in product(*factors)]
    if len(runs) > MOST_RUNS:
        raise WrongUse(f"{len(runs)} runs, more than {MOST_RUNS}; give fewer values")
    for words in runs:
        _refuse_unfit_keys(words)
    return [SweepRun(_name(number, words), words) for number, words in enumerate(runs)]


def _factor(word: str) -> list[tuple[str, ...]]:
    key, equals, values = word.partition("=")
    if not equals:
        return list(_lines(Path(word)))
    parts = list(_split(values))
    if not key or "" in parts:
        raise WrongUse(f"{word}: give KEY=v1,v2,... without an empty value")
    return [(f"{key}={part}",) for part in parts]


def _split(values: str) -> Iterator[str]:
    """Yield the parts between commas that stand in no brackets and no quotes."""
    depth, quote, part = 0, "", ""
    for letter in values:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += 0 if quote else (letter in OPENING) - (letter in CLOSING)
        if letter == "," and not depth and not quote:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def _lines(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the words of each line of a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"{path}: {error}; values are KEY=v1,v2,... or a file with a run a line"
        ) from None
    found = False
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            words = tuple(shlex.split(line, comments=True))
        except ValueError as error:
            raise WrongUse(f"{path}, line {number}: {error}; close the quote") from None
        if odd := [word for word in words if not word.partition("=")[1]]:
            raise WrongUse(f"{path}, line {number}: {odd[0]} is no key=value")
        if words:
            found = True
            yield words
    if not found:
        raise WrongUse(f"{path} names no run; write the key=value words of one run a line")


def _refuse_unfit_keys(words: Sequence[str]) -> None:
    keys = [word.partition("=")[0] for word in words]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise WrongUse(f"{', '.join(sorted(twice))}: given twice in one run; give it once")
    if "run_dir" in keys:
        raise WrongUse("run_dir cannot vary: each run gets a folder of its own below run_dir=DIR")


def _name(number: int, words: Sequence[str]) -> str:
    text = UNFIT.sub("-", "_".join(words)).strip("-")
    return f"{number:03d}-{text[:NAME_LENGTH]}"
