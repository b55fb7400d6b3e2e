"""Check a file before a decoder opens it: present, readable, not empty, no git-lfs pointer."""

import os
import stat
from pathlib import Path

from emotalk.schema import Rejection

LFS_HEADER = b"version https://git-lfs.github.com/spec/"


def check_file(path: Path) -> None:
    """Reject what can be no media file whatever a decoder would say.

    Raises:
        Rejection: `missing`, `unreadable`, `empty_file`, `git_lfs_pointer`.
    """
    _check_kind(path)
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_HEADER))
    except OSError as error:
        raise _not_ours(path, error) from None
    if not head:
        raise Rejection("empty_file", f"{path.name}: 0 bytes")
    if head == LFS_HEADER:
        raise Rejection(
            "git_lfs_pointer", f"{path.name}: a git-lfs pointer stands in place of the media"
        )


def _check_kind(path: Path) -> None:
    """Reject what is no regular file: opening a pipe or a device might wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        what = "a dangling link" if path.is_symlink() else "no such file"
        raise Rejection("missing", f"{path.name}: {what}") from None
    except (OSError, ValueError) as error:  # a folder closed to us, a loop of links, a bad name
        raise _not_ours(path, error) from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise Rejection("missing", f"{path.name}: {what}, not a file")


def _not_ours(path: Path, error: OSError | ValueError) -> Rejection:
    why = getattr(error, "strerror", None) or str(error)
    return Rejection("unreadable", f"{path.name}: cannot be opened ({why})")
