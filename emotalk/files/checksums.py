"""`SHA256SUMS`: the hash of every file of a checkpoint, written with it and compared when read."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from emotalk.files.small_files import read_small

SUMS = "SHA256SUMS"  # `sha256sum --check SHA256SUMS` in the folder reads it too
LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\\x00]{1,255})")
MOST_BYTES = 2**20


def read_sums(folder: Path) -> dict[str, str]:
    """Return name -> hash in hex as written in the folder's `SHA256SUMS`.

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: it holds something else.
    """
    text = read_small(folder / SUMS, most_bytes=MOST_BYTES).decode("utf-8")
    matches = [LINE.fullmatch(line) for line in text.splitlines()]
    if not all(matches):
        raise ValueError(f"{SUMS}: a line is no hash and name of a file")
    return {match[2]: match[1] for match in matches if match}


def check_sums(folder: Path, names: Iterable[str]) -> None:
    """Compare files with their hashes; nothing where the folder has no `SHA256SUMS`.

    Args:
        folder: a checkpoint or an exported model.
        names: of the files that are going to be read.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not the one that was written, or the sums do not list it.
    """
    if not (folder / SUMS).exists():
        return
    written = read_sums(folder)
    changed = [name for name in names if written.get(name) != _sha256(folder / name)]
    if changed:
        raise ValueError(f"damaged: {', '.join(changed)} not as written ({SUMS})")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
