"""Read the table of a batch: a CSV file with one video a row."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from emotalk.errors import WrongUse
from emotalk.files.small_files import read_small
from emotalk.inference.emotion_mix import read_number
from emotalk.inference.talking_video import VideoRequest
from emotalk.printable import printable, quoted

NEEDED = ("image", "audio", "emotion", "output")
OPTIONAL = ("intensity", "seed")
MAX_BYTES = 20_000_000
MAX_ROWS = 100_000
MAX_SEED = 2**63
QUOTE_COMMAS = "put text with commas, as a time line, in double quotes"
DELIMITERS = (";", "\t")  # of tables that have no comma in their first line


@dataclass(frozen=True)
class BatchRow:
    """Hold one row of the table: a request, or the reason why it is refused."""

    line: int  # in the file, from 1
    output: str  # as written
    request: VideoRequest | None
    fault: str = ""


def read_batch(path: Path, template: VideoRequest) -> list[BatchRow]:
    """Return the rows of a table; a row that cannot be used is returned with its fault.

    The columns are image, audio, emotion and output, and if wanted intensity (0 to 1, a factor of
    the emotion's weights) and seed. Relative paths count from the folder of the table.

    Args:
        path: the CSV file, UTF-8, with a line of column names.
        template: what the rows do not say.

    Raises:
        WrongUse: the file cannot be read, is no table, has other columns or no rows.
    """
    records = list(_records(path))
    if not records:
        raise WrongUse(f"{path}: empty; its first line names the columns: {','.join(NEEDED)}")
    names = _columns(path, records[0][1])
    if len(records) == 1:
        raise WrongUse(f"{path}: no rows; write a line for each video below the column names")
    rows = [_row(path, line, names, fields, template) for line, fields in records[1:]]
    return list(_without_clashes(rows))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of every line that is not empty.

    Raises:
        WrongUse: see `read_batch`.
    """
    try:
        text = read_small(path, max_bytes=MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongUse(f"{path}: not UTF-8 text; save the table as CSV UTF-8") from None
    except OSError as error:
        raise WrongUse(
            f"{path}: the table cannot be read: {error.strerror or error}; name a CSV file whose "
            f"first line is {','.join(NEEDED)}"
        ) from None
    except ValueError as error:
        raise WrongUse(f"{path}: {error}; split the table") from None
    first = text.partition("\n")[0]
    found = [mark for mark in DELIMITERS if mark in first and "," not in first]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=(found or [","])[0], strict=True)
    count, line = 0, 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                count += 1
                if count > MAX_ROWS + 1:
                    raise WrongUse(f"{path}: more than {MAX_ROWS} rows; split the table")
                yield line, [field.strip() for field in fields]
            line = reader.line_num + 1
    except csv.Error as error:
        raise WrongUse(
            f"{path}: line {reader.line_num} is no CSV ({error}); put text with commas in double "
            "quotes, and close them"
        ) from None


def _columns(path: Path, fields: Sequence[str]) -> list[str]:
    names = [field.casefold() for field in fields]
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in NEEDED + OPTIONAL]
    twice = sorted({name for name in names if names.count(name) > 1})
    faults = [
        f"{word}: {printable(', '.join(map(quoted, found)))}"
        for word, found in (("missing", missing), ("unknown", unknown), ("twice", twice))
        if found
    ]
    if faults:
        raise WrongUse(
            f"{path}: the first line names the columns {', '.join(NEEDED)}, and if wanted "
            f"{', '.join(OPTIONAL)}; {'; '.join(faults)}"
        )
    return names


def _row(
    path: Path, line: int, names: Sequence[str], fields: Sequence[str], template: VideoRequest
) -> BatchRow:
    written = dict(zip(names, fields, strict=False))
    output = written.get("output", "")
    try:
        return BatchRow(line, output, _request(path, names, fields, template))
    except ValueError as error:
        return BatchRow(line, output, None, str(error))


def _request(
    path: Path, names: Sequence[str], fields: Sequence[str], template: VideoRequest
) -> VideoRequest:
    if len(fields) > len(names):
        raise ValueError(f"{len(fields)} fields in {len(names)} columns; {QUOTE_COMMAS}")
    written = dict.fromkeys(OPTIONAL, "") | dict(zip(names, fields, strict=False))
    empty = [name for name in NEEDED if not written.get(name)]
    if empty:
        raise ValueError(f"nothing in the column {', '.join(empty)}")
    if any("\0" in field for field in fields):
        raise ValueError("holds a zero byte; write the table as text")
    folder = path.parent
    return replace(
        template,
        image=folder / written["image"],
        audio=folder / written["audio"],
        emotion=written["emotion"],
        output=folder / written["output"],
        intensity=_intensity(written["intensity"]),
        seed=_seed(written["seed"], template.seed),
    )


def _intensity(text: str) -> float:
    value = read_number(text) if text else 1.0
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"intensity {quoted(text)} is not a number from 0 to 1; {QUOTE_COMMAS}")
    return value


def _seed(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < MAX_SEED):
        raise ValueError(f"seed {quoted(text)} is not a whole number from 0 on; {QUOTE_COMMAS}")
    return int(text)


def _without_clashes(rows: Sequence[BatchRow]) -> Iterator[BatchRow]:
    """Yield the rows; one whose output is another row's output or input gets a fault."""
    requests = [row.request for row in rows if row.request is not None]
    inputs = {os.path.abspath(file) for r in requests for file in (r.image, r.audio)}
    first_line: dict[str, int] = {}
    for row in rows:
        if row.request is None:
            yield row
            continue
        assert row.request.output is not None, "see `_request`"
        output = os.path.abspath(row.request.output)
        fault = ""
        if output in inputs:
            fault = "its output is a picture or recording of this table; choose another name"
        elif output in first_line:
            fault = f"line {first_line[output]} has the same output; choose another name"
        first_line.setdefault(output, row.line)
        yield replace(row, request=None, fault=fault) if fault else row
