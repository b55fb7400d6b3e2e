"""Imitate a faulty file server: `os.fsync` follows the word in the file STORAGE_FAULT.

Python imports this module by itself where its folder is on PYTHONPATH. `slow`: each call takes
SLOW_S; `gone`: each call fails as if the server no longer had the folder (ESTALE).
"""

import errno
import os
import time
from typing import Protocol

SLOW_S = 2.0


class HasFileno(Protocol):
    def fileno(self) -> int: ...


place = os.environ.get("STORAGE_FAULT", "")
plain_fsync = os.fsync


def moody_fsync(fd: int | HasFileno) -> None:
    try:
        with open(place, encoding="utf-8") as file:
            mood = file.read()
    except OSError:
        mood = ""
    if mood == "gone":
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    if mood == "slow":
        time.sleep(SLOW_S)
    plain_fsync(fd)


if place:
    os.fsync = moody_fsync
