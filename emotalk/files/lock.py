"""Lock files between the processes of one machine, and of machines that share a file system.

`flock` ends with the process that took it, however that process ends. It works on local disks, on
NFS, whose server then decides for all machines, and on Lustre mounted with `flock`. On a file
system without locks every process takes the lock; `hold_with_heartbeat` covers that case too.
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
from dataclasses import asdict, dataclass
from pathlib import Path

from emotalk.errors import InUse
from emotalk.files.atomic_write import atomic_write_bytes
from emotalk.files.small_files import parse_json, read_small

BEAT_S = 10.0  # between two heartbeats
SILENT_S = 60.0  # without a heartbeat, after which a holder on another machine counts as dead
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


@dataclass(frozen=True)
class Holder:
    """The process that took a lock last, as it named itself; empty if it is not known."""

    host: str = ""
    pid: int = 0
    since: str = ""

    @property
    def is_on_another_machine(self) -> bool:
        """Return whether the holder is known to run elsewhere."""
        return self.host not in ("", socket.gethostname())

    def __str__(self) -> str:
        """Return the holder's name for people."""
        return f"process {self.pid} on {self.host}" if self.host else "another process"


class FileLock:
    """A lock that this process holds until it releases it or ends; forked processes do not."""

    def __init__(self, descriptor: int) -> None:
        """Take over the descriptor of a locked file; `take_lock` returns new locks."""
        self.descriptor = descriptor
        HELD.add(self)

    def sign(self) -> None:
        """Write this process's name into the file."""
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        name = json.dumps(asdict(Holder(socket.gethostname(), os.getpid(), since)))
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, name.encode(), 0)

    def release(self) -> None:
        """Let other processes take the lock."""
        if self in HELD:
            HELD.remove(self)
            os.close(self.descriptor)


HELD: set[FileLock] = set()  # by this process


def _close_inherited() -> None:
    """Close the descriptors in a forked process: it must not keep the lock of a dead parent."""
    for lock in list(HELD):
        lock.release()


os.register_at_fork(after_in_child=_close_inherited)


def take_lock(path: Path, *, wait: bool = False) -> FileLock | None:
    """Return the lock on a file, which is made if it is missing, or None if it is held already.

    With `wait`, wait until it is free.

    Raises:
        OSError: the file cannot be written.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not wait and _has_record_lock(descriptor):
            os.close(descriptor)
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(descriptor)
                if isinstance(error, BlockingIOError):
                    return None
                raise
        if _is_at(descriptor, path):
            return FileLock(descriptor)
        os.close(descriptor)  # its last holder has removed the file meanwhile


def _has_record_lock(descriptor: int) -> bool:
    """Return whether another process holds a record lock, which `flock` does not see.

    Trainings of earlier versions hold their run folder so.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    except OSError:  # a file system without record locks
        return False
    return False


def own_lock(path: Path) -> FileLock | None:
    """Return the lock on a file that this process holds, or None."""
    return next((lock for lock in list(HELD) if _is_at(lock.descriptor, path)), None)


def is_held_by_another(path: Path) -> bool:
    """Return whether another process holds the lock on a file."""
    if not path.exists() or own_lock(path) is not None:
        return False
    try:
        lock = take_lock(path)
    except OSError:  # not ours to write
        return False
    if lock is None:
        return True
    lock.release()
    return False


def read_holder(path: Path) -> Holder:
    """Return the process that signed a lock file last."""
    try:
        facts = parse_json(read_small(path, max_bytes=4096))
        return Holder(str(facts["host"]), int(facts["pid"]), str(facts["since"]))
    except (OSError, ValueError, KeyError, TypeError):  # it is new, or being written or removed
        return Holder()


@contextmanager
def wait_for_lock(path: Path) -> Iterator[None]:
    """Hold the lock on a file as long as the block lasts; wait for it first."""
    lock = take_lock(path, wait=True)
    assert lock is not None, "it was waited for"
    try:
        lock.sign()
        yield
    finally:
        lock.release()


@contextmanager
def hold_with_heartbeat(path: Path, task: str) -> Iterator[None]:
    """Hold the lock on a file as long as the block lasts, also where a file system has no locks.

    The holder sets the file's time every `BEAT_S`. A process of another machine believes it for
    `SILENT_S`, by the file system's own clock. `task` tells a process that is refused what the
    holder is doing.

    Raises:
        InUse: another process holds it.
        OSError: it cannot be written.
    """
    lock = take_lock(path)
    if lock is None:
        raise _in_use(task, path, "wait or choose another")
    try:
        silent_s = _now(path.parent) - path.stat().st_mtime
        if read_holder(path).is_on_another_machine and silent_s < SILENT_S:
            raise _in_use(
                task,
                path,
                f"its last sign of life is {silent_s:.0f} s old: if it died, start again after "
                f"{SILENT_S:.0f} s without one",
            )
        lock.sign()
        with _heartbeat(lock):
            yield
    finally:
        lock.release()


def _in_use(task: str, path: Path, advice: str) -> InUse:
    holder = read_holder(path)
    host, pid, since = holder.host or "?", holder.pid or "?", holder.since or "?"
    return InUse(f"{task} (on {host}, process {pid}, since {since}); {advice}")


@contextmanager
def _heartbeat(lock: FileLock) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_S):
            os.utime(lock.descriptor)

    thread = threading.Thread(target=beat, name="lock-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _is_at(descriptor: int, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())


def _now(folder: Path) -> float:
    """Return the time by the clock of the folder's file system."""
    probe = folder / f"now-{socket.gethostname()}-{os.getpid()}"
    atomic_write_bytes(probe, b"")
    now = probe.stat().st_mtime
    probe.unlink()
    return now
