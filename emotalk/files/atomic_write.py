"""Write files and folders that are whole under their name or not there at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from emotalk.files.made_folder import made_folder

PART = ".part"


def unfinished_path(folder: Path) -> Path:
    """Return a new path in a folder for a file that is not finished; `.*.part` finds all."""
    return folder / f".{secrets.token_hex(8)}{PART}"


@contextmanager
def atomic_path(path: Path, *, partial: Path | None = None) -> Iterator[Path]:
    """Yield a path for libraries that write by name; rename it to `path` when the block is done.

    Args:
        path: the final name. A file that has it is replaced as a whole.
        partial: the path to write to, on the same file system. By default a new one beside `path`,
            with a short name, because the name of `path` may be as long as a name can be.
    """
    partial = partial or unfinished_path(path.parent)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_write(
    path: Path, *, aside: Path | None = None, on_disk: bool = True
) -> Iterator[BinaryIO]:
    """Yield an open file that gets its name when the block is done.

    Args:
        path: the final name. A file that has it is replaced as a whole.
        aside: the folder of the unfinished file, on the same file system. A killed process leaves
            it there. By default the folder of `path`.
        on_disk: wait until the bytes are on the disk, so that they survive a loss of power. It is
            not needed for files whose damage is noticed when they are read.
    """
    partial = unfinished_path(aside or path.parent)
    with atomic_path(path, partial=partial), partial.open("wb") as file:
        yield file
        if on_disk:
            file.flush()
            os.fsync(file.fileno())


def atomic_write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one piece, without waiting for the disk."""
    with atomic_write(path, on_disk=False) as file:
        file.write(content)


def atomic_write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one piece, without waiting for the disk."""
    atomic_write_bytes(path, text.encode())


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that gets its name when the block is done.

    Args:
        path: the final name, of an empty folder or of nothing.
    """
    partial = path.with_name(f".{path.name}{PART}")
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
    with made_folder(path.parent):
        partial.mkdir()
        try:
            yield partial
            partial.rename(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def claim_name(partial: Path, path: Path) -> None:
    """Rename a finished file to `path` without replacing another file.

    Raises:
        FileExistsError: a file has that name; `partial` stays.
    """
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        partial.rename(path)
    else:
        partial.unlink()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
