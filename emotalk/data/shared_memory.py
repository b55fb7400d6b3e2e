"""Check the shared memory that workers pass batches through."""

import shutil
from pathlib import Path
from typing import NamedTuple

from emotalk.errors import WrongUse

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where batches lie between two processes
MIB = 2**20
MORE_ROOM = (
    "data.workers=0 reads in the training process and needs none; fewer data.workers and "
    "data.prefetch=1 need less; a container gets more by `docker run --shm-size=1g` (Kubernetes: "
    "an emptyDir of medium Memory at /dev/shm)"
)


class SharedMemoryFull(RuntimeError):  # noqa: N818  raised in a worker, reported by the training
    """The memory that processes share is full."""


class Room(NamedTuple):
    """The size of the shared memory in bytes."""

    free: int
    total: int


def shared_memory() -> Room | None:
    """Return the size of `/dev/shm`, or None on systems that share memory elsewhere."""
    if not SHARED_MEMORY.is_dir():
        return None
    usage = shutil.disk_usage(SHARED_MEMORY)
    return Room(usage.free, usage.total)


def check_room(workers: int, prefetch: int, batch_bytes: int) -> None:
    """Refuse workers whose batches, `prefetch` for each, do not fit into the shared memory.

    Raises:
        WrongUse: they do not fit; the message names the settings to change.
    """
    room = shared_memory()
    needed = (workers * prefetch + 1) * batch_bytes  # and the one that is being learned from
    if workers and room is not None and needed > room.free:
        raise WrongUse(
            f"data.workers={workers} with data.prefetch={prefetch} holds {workers * prefetch + 1} "
            f"batches of {batch_bytes / MIB:.1f} MiB ready: {needed / MIB:.1f} MiB of "
            f"{SHARED_MEMORY}, which has {room.free / MIB:.1f} MiB free; {MORE_ROOM}"
        )


def no_room_text() -> str:
    """Return the message on shared memory that is full."""
    room = shared_memory()
    found = "" if room is None else f" ({room.free / MIB:.0f} of {room.total / MIB:.0f} MiB free)"
    return f"a batch found no room in {SHARED_MEMORY}{found}; {MORE_ROOM}"
