"""Write, follow and cut back files of JSON lines, such as a run's `metrics.jsonl`."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

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


class JsonLinesReader:
    """Reads a file of JSON lines while another process appends to it.

    The file stays open. If it is replaced, as when a run that continues cuts it back, the old one
    is read to its end.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning; it may be made later."""
        self._path = path
        self._file: BinaryIO | None = None

    def next(self) -> Line | None:
        """Return the next whole line, or None if there is none yet; torn lines are skipped."""
        if self._file is None:
            if not self._path.exists():
                return None
            self._file = self._path.open("rb")
        while text := self._file.readline():
            if not text.endswith(b"\n"):  # half written
                self._file.seek(-len(text), os.SEEK_CUR)
                return None
            with suppress(ValueError):  # torn by a crash
                line = json.loads(text)
                if isinstance(line, dict) and line:
                    return line
        return None


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
