"""Read the word times beside a clip, and cut them to the sample."""

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotalk.files.small_files import UnfitFile, read_small
from emotalk.printable import is_printable, printable, quoted
from emotalk.schema import FPS, Rejection, Word

COLUMNS = ("word", "start", "end")
LARGEST_FILE = 16 * 2**20  # bytes: the words of a day
LONGEST_WORD = 200  # letters
ROUNDING_S = 0.02  # words may overlap by it
BEYOND_S = 0.5  # the last word may end this much after the recording


@dataclass(frozen=True)
class WordTimes:
    """The words of a recording, on its clock."""

    name: str  # of their file
    sha256: str  # of their file
    words: tuple[Word, ...]

    def check_end(self, recording_s: float) -> None:
        """Check that the words end with the recording.

        Raises:
            Rejection: `bad_words`, as for times in milliseconds, or of another recording.
        """
        end_s = self.words[-1].end if self.words else 0.0
        if end_s > recording_s + BEYOND_S:
            ends = f"ends at {end_s:g} s, the recording at {recording_s:.2f} s"
            raise _bad(self.name, f"its last word {ends}")

    def within(self, start_s: float, frames: int) -> tuple[Word, ...]:
        """Return the words of a sample on its own clock, cut to it.

        A word belongs to the sample that its middle lies in.

        Args:
            start_s: time of the sample's first frame on the recording's clock.
            frames: length of the sample.
        """
        length_s = frames / FPS
        return tuple(
            Word(
                word.word,
                round(max(0.0, word.start - start_s), 4),
                round(min(length_s, word.end - start_s), 4),
            )
            for word in self.words
            if 0 <= (word.start + word.end) / 2 - start_s < length_s
        )


def read_words(path: Path) -> WordTimes:
    """Return the words of a CSV with the columns word, start and end, in seconds.

    Raises:
        Rejection: `bad_words`: no such CSV, or a row with an empty or unprintable word, times that
            are no numbers, a word that ends before it starts or starts before the one before ends.
    """
    try:
        data = read_small(path, max_bytes=LARGEST_FILE)
        rows = _rows(path.name, data.decode("utf-8-sig"))
    except OSError as error:
        raise _bad(path.name, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _bad(path.name, "is no UTF-8 text") from None
    except (UnfitFile, csv.Error) as error:
        raise _bad(path.name, str(error)) from None
    words: list[Word] = []
    for line, row in rows:
        word = _word(row)
        fault = word if isinstance(word, str) else _fault(word, words)
        if isinstance(word, str) or fault:
            raise _bad(path.name, f"line {line}: {fault}")
        words.append(word)
    return WordTimes(path.name, hashlib.sha256(data).hexdigest(), tuple(words))


def _rows(name: str, text: str) -> list[tuple[int, dict[str, str | None]]]:
    """Return the rows, each with its line; raise csv.Error where it is no CSV."""
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    columns = [column.strip() for column in reader.fieldnames or []]
    reader.fieldnames = columns
    if any(columns.count(column) != 1 for column in COLUMNS):
        found = printable(", ".join(columns), longest=100) or "none"
        raise _bad(name, f"has not the columns {', '.join(COLUMNS)}, each once; found: {found}")
    return [(reader.line_num, dict(row)) for row in reader]


def _word(row: dict[str, str | None]) -> Word | str:
    """Return a row's word, or its fault."""
    text, *times = ((row[column] or "").strip() for column in COLUMNS)
    if not text or len(text) > LONGEST_WORD or not is_printable(text):
        return f"word {quoted(text)} is empty, unprintable or longer than {LONGEST_WORD} letters"
    try:
        start, end = (float(time) for time in times)
    except ValueError:
        return f"start {quoted(times[0])} and end {quoted(times[1])} are not both numbers"
    return Word(text, start, end)


def _fault(word: Word, before: Sequence[Word]) -> str | None:
    times = f"{quoted(word.word)} from {word.start:g} to {word.end:g} s"
    if not (math.isfinite(word.end) and 0 <= word.start < word.end):
        return f"{times}: times are 0 or more, and a word ends after it starts"
    if before and word.start < before[-1].end - ROUNDING_S:
        return f"{times} starts before the word before it ends, at {before[-1].end:g} s"
    return None


def _bad(name: str, detail: str) -> Rejection:
    return Rejection("bad_words", f"{printable(name)} {detail}")
