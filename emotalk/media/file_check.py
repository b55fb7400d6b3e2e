"""Check a file before a decoder opens it: readable, not empty, no git-lfs pointer."""

import os
import stat
from pathlib import Path

from emotalk.schema import Rejection

LFS_HEADER = b"version https://git-lfs.github.com/spec/"


def check_file(path: Path) -> None:
    """Reject a file that cannot be a media file.

    Raises:
        Rejection: `missing`, `unreadable`, `empty_file`, `git_lfs_pointer`.
    """
    _check_kind(path)
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_HEADER))
    except OSError as error:
        raise _cannot_be_opened(path, error) from None
    if not head:
        raise Rejection("empty_file", f"{path.name}: 0 bytes")
    if head == LFS_HEADER:
        raise Rejection(
            "git_lfs_pointer", f"{path.name}: a git-lfs pointer stands in place of the media"
        )


def _check_kind(path: Path) -> None:
    """Reject all but regular files: opening a pipe or a device might block."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        what = "a dangling link" if path.is_symlink() else "no such file"
        raise Rejection("missing", f"{path.name}: {what}") from None
    except (OSError, ValueError) as error:  # no access to the folder, a loop of links, a bad name
        raise _cannot_be_opened(path, error) from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise Rejection("missing", f"{path.name}: {what}, not a file")


def _cannot_be_opened(path: Path, error: OSError | ValueError) -> Rejection:
    why = getattr(error, "strerror", None) or str(error)
    return Rejection("unreadable", f"{path.name}: cannot be opened ({why})")
