"""Write, read and cut back files of JSON lines, such as a run's `metrics.jsonl`."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from emotalk.files.atomic_write import atomic_write_text
from emotalk.tracking.tracker import Tracker

NAME = "metrics.jsonl"
Line = dict[str, Any]


class JsonLines(Tracker):
    """Appends log lines to a file."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; it is made if it is not there."""
        self._path = path
        self._path.touch()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append one line and hand it to the operating system."""
        append(self._path, {"step": step, "time": round(time.time(), 3), **metrics})


def read_lines(path: Path, position: int, values: int) -> tuple[list[Line], int]:
    """Return whole lines from a position in bytes on, and the position after them.

    It stops after `values` values. A half-written line is left, and a line torn by a crash skipped.
    A file that is not there has no lines.
    """
    lines: list[Line] = []
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(position)
        while sum(map(len, lines)) < values and (text := file.readline()).endswith(b"\n"):
            position += len(text)
            with suppress(ValueError):  # torn
                line = json.loads(text)
                if isinstance(line, dict) and line:
                    lines.append(line)
    return lines, position


def append(path: Path, line: Line) -> None:
    """Append one line to a file, on a new line also after one that a crash has torn."""
    with path.open("a+b") as lines:
        size = lines.seek(0, os.SEEK_END)
        lines.seek(max(size - 1, 0))
        torn = lines.read() not in (b"", b"\n")
        lines.write((b"\n" if torn else b"") + json.dumps(line).encode() + b"\n")


def cut_back(path: Path, step: int) -> int:
    """Remove lines of steps after `step` and return their number.

    A run that resumes from a checkpoint writes them again, as it does a line torn by a crash.
    """
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if _step_of(line) <= step]
    if len(kept) < len(lines):
        atomic_write_text(path, "".join(kept))
    return len(lines) - len(kept)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
