"""Make the folder of a command's results so that a command which fails leaves no empty one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOTDIR
from pathlib import Path


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder with its parents for the block; remove what is empty if the block fails.

    Only folders that were made here are removed, and none that holds anything.

    Raises:
        OSError: it cannot be made, or is a file (`NotADirectoryError`).
    """
    # The deepest first; of `os.path`, which takes a name that is too long for one of nothing.
    made = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    if not made and not folder.is_dir():
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        _remove_empty(made)
        raise


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, each within the next, up to the first that holds something."""
    for folder in folders:
        if not os.path.isdir(folder):
            continue
        try:
            folder.rmdir()
        except OSError:
            return
