"""Define the list of rejected clips, `rejected.jsonl`: one JSON object a line, sorted by clip."""

from collections.abc import Iterable
from pathlib import Path

from emotalk.shards.json_lines import lines_json, parse_line, read_lines
from emotalk.shards.names import REJECTED_NAME
from emotalk.shards.record import Record


class RejectedClip(Record):
    """One line of the list."""

    clip: str
    reason: str  # one of `rejection_reasons.REASONS`
    detail: str = ""  # the value, the limit, and what to do
    # Digest of the clip's files, to notice that they changed. Empty if they changed while the job
    # ran; None for clips rejected by name and in sets of older versions.
    files_sha256: str | None = None


def rejected_json(rejected: Iterable[RejectedClip]) -> bytes:
    """Return the content of `rejected.jsonl`."""
    ordered = sorted(rejected, key=lambda line: (line.clip, line.reason))
    return lines_json(ordered)


def parse_rejected(line: bytes) -> RejectedClip:
    """Return one line of the list.

    Raises:
        ValueError: not a JSON object with clip and reason.
    """
    return parse_line(RejectedClip, line)


def rejected_lines(folder: Path) -> list[bytes]:
    """Return the lines of a set's list, not parsed yet.

    Raises:
        OSError: it is missing or cannot be read.
        UnfitFile: it is no regular file, or too large.
    """
    return read_lines(folder / REJECTED_NAME)


def read_rejected(folder: Path) -> dict[str, RejectedClip]:
    """Return the rejected clips of a set by clip; none where the file is missing."""
    try:
        lines = rejected_lines(folder)
    except FileNotFoundError:
        return {}
    return {line.clip: line for line in map(parse_rejected, lines)}
