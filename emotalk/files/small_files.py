"""Read and parse small untrusted files within bounds."""

import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 16 * 2**20


class UnfitFile(ValueError):  # noqa: N818  describes the file, not the program
    """A file is not of the kind or size that is read here."""


def read_small(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file.

    Pipes and devices are refused without waiting for them: `/dev/zero` never ends.

    Args:
        path: the file; links are followed.
        max_bytes: a larger file is refused before it is read.

    Raises:
        OSError: it is missing or cannot be read.
        UnfitFile: not a regular file, or a larger one.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:  # a zero byte in the name
        raise UnfitFile(f"no file can have this name ({error})") from None
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise UnfitFile("is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise UnfitFile("is a pipe or device, not a file")
        data = file.read(max_bytes + 1) if status.st_size <= max_bytes else b""
    if status.st_size > max_bytes or len(data) > max_bytes:
        raise UnfitFile(f"has more than {max_bytes} bytes")
    return data


def parse_json(data: bytes | str) -> Any:
    """Return the value that JSON text holds.

    Raises:
        ValueError: not JSON, not UTF-8, nested too deeply, or a whole number of thousands of
            digits.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("lists or objects are nested too deeply") from None
