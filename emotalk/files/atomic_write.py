"""Files that are whole under their name or not there at all, and that tell their own damage."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PART = ".part"


@contextmanager
def atomic_write(path: Path, *, aside: Path, on_disk: bool = True) -> Iterator[BinaryIO]:
    """Yield an open file that gets its name when the block is done.

    Args:
        path: the final name. A file that has it is replaced at once, as a whole.
        aside: a folder on the same file system. What a killed process leaves lies there, under a
            name that no other process writes to.
        on_disk: wait until the bytes are on the disk, so that not even a loss of power leaves less
            of them under the name. Not needed where `unsealed` would tell: processes that wait for
            one disk wait for each other.
    """
    partial = aside / f".{path.name}.{secrets.token_hex(8)}{PART}"
    try:
        with partial.open("wb") as file:
            yield file
            if on_disk:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sealed(data: bytes) -> bytes:
    """Return bytes that `unsealed` can tell damage of: their sha256 in front."""
    return hashlib.sha256(data).digest() + data


def unsealed(path: Path) -> bytes | None:
    """Return what was sealed in a file; None where there is none, or it is not what was written."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    size = hashlib.sha256().digest_size
    data = found[size:]
    return data if hashlib.sha256(data).digest() == found[:size] else None


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
