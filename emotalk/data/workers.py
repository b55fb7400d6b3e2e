"""The processes that read batches ahead: started apart from the training, noticed when lost.

A worker is forked, so it begins with everything the training process holds. It leaves signals to
that process, ends with it, whatever ends it, and uses no threads of OpenCV's. One that has died, or
hands over nothing for `data.silence_s` seconds, ends the training with a message; without it the
training would wait for ever.
"""

import ctypes
import logging
import multiprocessing
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import psutil

from emotalk.errors import Stopped, WrongUse

LOG = logging.getLogger(__name__)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where batches lie between two processes
LEAVE_TO_THE_TRAINING = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG
POLL_S = 0.5
ASKED_S = 5.0  # how long a batch is waited for once the training was asked to stop
SAY_S = 60.0  # between two words about a batch that does not come
MIB = 2**20
GO_ON = "The same command goes on from the last checkpoint"
MORE_ROOM = (
    "data.workers=0 reads in the training process and needs none; fewer data.workers and "
    "data.prefetch=1 need less; a container gets more by `docker run --shm-size=1g` (Kubernetes: "
    "an emptyDir of medium Memory at /dev/shm)"
)

Step = TypeVar("Step")


class WorkerLost(Stopped):
    """A worker died, found no room for a batch, or fell silent."""


class Interrupted(Exception):  # noqa: N818  no fault
    """The training was asked to stop while it waited for a batch."""


class NoRoomError(RuntimeError):
    """Raised in a worker: the memory that processes share is full."""


class Room(NamedTuple):
    """The memory that processes share, in bytes."""

    free: int
    total: int


def shared_memory() -> Room | None:
    """Return the room in `/dev/shm`, or None on systems that share memory elsewhere."""
    if not SHARED_MEMORY.is_dir():
        return None
    usage = shutil.disk_usage(SHARED_MEMORY)
    return Room(usage.free, usage.total)


def check_room(workers: int, prefetch: int, batch_bytes: int) -> None:
    """Refuse workers whose batches do not fit into the memory that processes share.

    Args:
        workers: processes of this rank.
        prefetch: batches each holds ready.
        batch_bytes: of this rank's share of a batch.

    Raises:
        WrongUse: with what to change.
    """
    room = shared_memory()
    needed = (workers * prefetch + 1) * batch_bytes  # and the one that is being learned from
    if workers and room is not None and needed > room.free:
        raise WrongUse(
            f"data.workers={workers} with data.prefetch={prefetch} holds {workers * prefetch + 1} "
            f"batches of {batch_bytes / MIB:.1f} MiB ready: {needed / MIB:.1f} MiB of "
            f"{SHARED_MEMORY}, which has {room.free / MIB:.1f} MiB free; {MORE_ROOM}"
        )


@contextmanager
def forking() -> Iterator[Callable[[int], None]]:
    """Yield what each worker runs first; in the block they may be forked.

    A forked process inherits the books of OpenCV's threads but not the threads: it would wait for
    them for ever as soon as it is told to use another number. So they are ended meanwhile. torch
    raises a worker's death wherever the main thread stands, in the middle of an update too; its
    handler is taken away again, `waited_for` notices.
    """
    threads, main = cv2.getNumThreads(), threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGCHLD)
    cv2.setNumThreads(1)
    try:
        yield partial(_start_worker, ends_with_parent=main)
    finally:
        cv2.setNumThreads(threads)
        if main and handler is not None:  # None: one that was not set from Python
            signal.signal(signal.SIGCHLD, handler)


def _start_worker(_worker: int, *, ends_with_parent: bool) -> None:
    """Begin a worker: signals, threads and end as the module says.

    A scheduler sends its signals to every process of a job. What a worker has inherited, sockets
    among others, stays open until it ends; so it must not outlive a training that was killed.
    """
    if ends_with_parent:
        signal.set_wakeup_fd(-1)
        if sys.platform == "linux":  # the end of the thread that forked counts, here the main one
            ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    for name in LEAVE_TO_THE_TRAINING:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    cv2.setNumThreads(1)


class Watch:
    """Looks after the workers of one loader from a thread, while a batch is waited for."""

    def __init__(
        self, workers: Sequence[BaseProcess], silence_s: float, asked: Callable[[], bool]
    ) -> None:
        """Watch `workers`; end them after `silence_s`, or soon once `asked` says so."""
        self.workers, self._silence_s, self._asked = tuple(workers), silence_s, asked
        self.silent = ""  # what the silent ones were found doing
        self.interrupted = False
        self._since = 0.0  # when the present wait began; 0: none
        self._closed = threading.Event()
        if workers:
            threading.Thread(target=self._look, name="loader-watch", daemon=True).start()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time in the block as waiting for a batch."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = 0.0

    def close(self) -> None:
        """Stop looking; end what is left of the workers, which Python would wait for at its end."""
        self._closed.set()
        self.end_workers()

    def end_workers(self) -> None:
        """End the workers by force; a stopped or hanging one hears nothing else."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.join(POLL_S)

    def _look(self) -> None:
        said = 0.0
        while not self._closed.wait(POLL_S):
            since = self._since
            waited = time.monotonic() - since if since else 0.0
            said = min(said, waited)  # of an earlier wait
            if waited - said > SAY_S:
                said = waited
                LOG.warning("waiting for a batch for %.0f s: %s", waited, self._doing())
            self.interrupted = waited > ASKED_S and self._asked()
            if self.interrupted or waited > self._silence_s:
                self.silent = self._doing()
                self.end_workers()  # so that the main thread comes back from its wait
                return

    def _doing(self) -> str:
        return ", ".join(f"worker {worker.pid} is {_status(worker)}" for worker in self.workers)


def waited_for(loaded: Iterator[Step], watch: Watch) -> Iterator[Step]:
    """Yield what the workers hand over.

    Raises:
        WorkerLost: a worker has died, found no room, or fell silent.
        Interrupted: the training was asked to stop and no batch came.
    """
    try:
        while True:
            try:
                with watch.waiting():
                    step = next(loaded)
            except StopIteration:
                return
            except NoRoomError:
                raise WorkerLost(_no_room()) from None
            except (RuntimeError, OSError, EOFError):
                _raise_if_lost(watch)
                raise
            yield step
    finally:
        del loaded  # a traceback keeps this frame, which must not keep the workers
        watch.close()


def _raise_if_lost(watch: Watch) -> None:
    """Raise what is known of lost workers; return where every worker lives."""
    time.sleep(POLL_S)  # a broken connection is noticed before the end of the process
    lost = [worker for worker in watch.workers if worker.exitcode is not None]
    if not lost:
        return
    watch.end_workers()
    if watch.interrupted:
        raise Interrupted
    if watch.silent:
        raise WorkerLost(
            f"no batch came within data.silence_s ({watch.silent}); reading shards hangs or is too "
            "slow: look at the disk or the server they come from, give slow ones more time by a "
            f"larger data.silence_s, or read in the training process, data.workers=0. {GO_ON}"
        ) from None
    raise WorkerLost(f"{_death_of(lost[0])}. {GO_ON}") from None


def _death_of(worker: BaseProcess) -> str:
    code = worker.exitcode or 0
    if code >= 0:
        return f"loader worker {worker.pid} ended with code {code}; data.workers=0 shows its error"
    number = signal.Signals(-code)
    said = f"loader worker {worker.pid} was killed by {number.name}"
    if number == signal.SIGBUS:
        return f"{said}: {_no_room()}"
    if number == signal.SIGKILL:
        return (
            f"{said}, which is how a system out of memory ends processes (`dmesg` tells): fewer "
            "data.workers, a smaller data.cache_mib or data.workers=0 need less"
        )
    return f"{said}; data.workers=0 reads in the training process and shows where"


def _no_room() -> str:
    room = shared_memory()
    found = "" if room is None else f" ({room.free / MIB:.0f} of {room.total / MIB:.0f} MiB free)"
    return f"a batch found no room in {SHARED_MEMORY}{found}; {MORE_ROOM}. {GO_ON}"


def _status(worker: BaseProcess) -> str:
    with suppress(psutil.Error):
        return str(psutil.Process(worker.pid).status())
    return "gone"


def children() -> set[BaseProcess]:
    """Return the processes that this one has started by `multiprocessing` and that still run."""
    return set(multiprocessing.active_children())
