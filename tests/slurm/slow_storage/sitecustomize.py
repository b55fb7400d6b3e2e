"""A file server that is slow to answer: on PYTHONPATH, `os.fsync` takes SLOW_STORAGE_S once.

Of the first attempt of a job only: the one after it is to be quick again.
"""

import os
import time
from typing import Protocol


class HasFileno(Protocol):
    def fileno(self) -> int: ...


seconds = float(os.environ.get("SLOW_STORAGE_S", "0"))
plain_fsync = os.fsync


def slow_fsync(fd: int | HasFileno) -> None:
    os.fsync = plain_fsync
    time.sleep(seconds)
    plain_fsync(fd)


if seconds and "SLURM_RESTART_COUNT" not in os.environ:
    os.fsync = slow_fsync
