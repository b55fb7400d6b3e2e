"""One job for one output, on this machine and on others that share the file system.

Two signs, since none holds everywhere. `flock` ends with the process that took it, however that
died: on local disks, on NFS (whose server then decides for all machines), on Lustre mounted with
`flock`. Where a file system keeps locks to each machine, or has none, the file itself tells: its
holder sets its time every `BEAT_S`, and another machine believes it for `SILENT_S`. Ages are taken
from the file system's own clock.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotalk.errors import WrongUse
from emotalk.files.atomic_write import atomic_write

BEAT_S = 10.0
SILENT_S = 60.0
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block lasts.

    Raises:
        WrongUse: another process holds it.
        OSError: it cannot be written.
    """
    lock = _open(path)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(lock, stop), daemon=True)
    try:
        _take(path, lock)
        beat.start()
        yield
    finally:
        stop.set()
        if beat.is_alive():
            beat.join()
        os.close(lock)


def _open(path: Path) -> int:
    """Return the open lock file, the one that has the name now: its last holder removes it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(lock)
                if isinstance(error, BlockingIOError):
                    raise _taken(path, _holder(path)) from None
                raise
        if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
            return lock
        os.close(lock)


def _take(path: Path, lock: int) -> None:
    """Write our name into the file, unless another machine's is there and fresh."""
    holder = _holder(path)
    silent_s = _now(path.parent) - os.fstat(lock).st_mtime
    if holder and holder.get("host") != socket.gethostname() and silent_s < SILENT_S:
        raise _taken(path, holder, silent_s)
    ours = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(ours).encode(), 0)


def _taken(path: Path, holder: dict[str, Any], silent_s: float | None = None) -> WrongUse:
    who = "on {host}, process {pid}, since {since}".format_map(
        {"host": "?", "pid": "?", "since": "?", **holder}
    )
    wait = (
        "wait or choose another"
        if silent_s is None
        else f"its last sign of life is {silent_s:.0f} s old: if it died, start again after "
        f"{SILENT_S:.0f} s without one"
    )
    return WrongUse(f"output: another job is writing to {path.parent.parent} ({who}); {wait}")


def _holder(path: Path) -> dict[str, Any]:
    """Return host, pid and since of whoever wrote into the file last; empty if nobody did."""
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes() or b"{}")
    except (OSError, ValueError):  # it is being written or removed
        return {}
    return facts


def _now(folder: Path) -> float:
    """Return the time by the clock of the folder's file system."""
    probe = folder / f"now-{socket.gethostname()}-{os.getpid()}"
    with atomic_write(probe, aside=folder):
        pass
    now = probe.stat().st_mtime
    probe.unlink()
    return now


def _beat(lock: int, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        os.utime(lock)
