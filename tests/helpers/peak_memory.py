"""Measure the most memory that this process uses in a part of its life."""

import ctypes
from pathlib import Path

LIBC = ctypes.CDLL(None)


def begin_peak() -> int:
    """Forget how much memory was used at most, and return how much is used, in bytes.

    Memory that is free in this process, or was in its parent before a fork, goes back to the system
    first: out of it a case could take gigabytes that no counter of the system shows. A training in
    the same process keeps what it frees (`emotalk.host_memory`).
    """
    LIBC.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak()


def peak() -> int:
    """Return the most memory that was used at once since `begin_peak`, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
