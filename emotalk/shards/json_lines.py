"""Write and read files of one JSON object a line, beside the manifest."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from emotalk.files.small_files import UnfitFile, parse_json, read_small
from emotalk.shards.record import Record
from emotalk.shards.storage import LARGEST_FILE

LONGEST_LINE = 2**20  # bytes
Line = TypeVar("Line", bound=Record)


def write_json_lines(file: BinaryIO, records: Iterable[Record]) -> None:
    """Write a file of these lines one by one, as `lines_json` makes them."""
    for record in records:
        file.write(lines_json([record]))


def lines_json(records: Iterable[Record]) -> bytes:
    """Return the content of a file with these lines; what is None is left out."""
    lines = (json.dumps(r.model_dump(exclude_none=True), ensure_ascii=False) for r in records)
    return "".join(f"{line}\n" for line in lines).encode()


def read_lines(path: Path) -> list[bytes]:
    """Return the lines of a file, not parsed yet.

    Raises:
        OSError: it is missing or cannot be read.
        UnfitFile: it is no regular file, or too large.
    """
    lines = read_small(path, max_bytes=LARGEST_FILE).split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def parse_line(model: type[Line], line: bytes) -> Line:
    """Return one line.

    Raises:
        ValueError: not a JSON object with the fields of the model.
    """
    return model.model_validate(parse_json(line))


def fit_lines(model: type[Line], path: Path) -> list[Line]:
    """Return the lines that can be parsed, none where the file cannot be read.

    For files that only describe a set: nothing depends on a line that is missing.
    """
    try:
        lines = read_lines(path)
    except (OSError, UnfitFile):
        return []
    return [found for line in lines if (found := _fit(model, line)) is not None]


def each_fit_line(model: type[Line], path: Path) -> Iterator[Line]:
    """Yield what `fit_lines` returns, line by line: for files that are larger than memory."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            if (found := _fit(model, line)) is not None:
                yield found


def _fit(model: type[Line], line: bytes) -> Line | None:
    try:
        return parse_line(model, line)
    except ValueError:
        return None
