"""`metrics.jsonl`: one object a log line, complete whatever happens to the servers."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

NAME = "metrics.jsonl"


class JsonLines:
    """Appends log lines to a file."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; it is made if it is not there."""
        self._path = path
        self._path.touch()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append one line and hand it to the operating system."""
        line = json.dumps({"step": step, "time": round(time.time(), 3), **metrics})
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")

    def artifact(self, path: Path, folder: str) -> None:
        """Nothing: the file lies in the run folder already."""

    def finish(self, state: str) -> None:
        """Nothing is held back."""


def cut_back(path: Path, step: int) -> int:
    """Keep only lines of steps up to `step`; return how many were cut off.

    A run that resumes from a checkpoint writes the later lines again.
    """
    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if _step_of(line) <= step]
    if len(kept) < len(lines):
        fresh = path.with_suffix(".jsonl.part")
        fresh.write_text("".join(kept), encoding="utf-8")
        fresh.replace(path)
    return len(lines) - len(kept)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line torn by a crash is written again
