"""Start the processes that read batches ahead, and notice when one is lost.

A worker is forked, so it inherits all that the training process holds. It ignores signals, ends
with the training process and uses no threads of OpenCV. When one has died, or delivers nothing for
`data.silence_s` seconds, the training ends with a message instead of waiting for ever.
"""

import ctypes
import logging
import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from typing import TypeVar

import cv2
import psutil

from emotalk.data.shared_memory import SharedMemoryFull, no_room_text
from emotalk.errors import Stopped

LOG = logging.getLogger(__name__)
IGNORED_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG
POLL_S = 0.5
STOP_S = 5.0  # wait for a batch after a signal asked the training to stop
WARN_S = 60.0  # between two warnings about a batch that does not come
GO_ON = "The same command goes on from the last checkpoint"

Step = TypeVar("Step")


class WorkerLost(Stopped):
    """A worker died, had no memory for a batch, or delivered none for too long."""


class Interrupted(Exception):  # noqa: N818  no fault
    """A signal asked the training to stop while it waited for a batch."""


@contextmanager
def forking() -> Iterator[Callable[[int], None]]:
    """Yield the function that each worker runs first; workers may be forked within the block.

    A forked process inherits the state of OpenCV's thread pool but not its threads, and would wait
    for them for ever when their number changes. So the pool is ended for the block. torch installs
    a handler that raises a worker's death anywhere in the main thread, even within an update. It is
    removed again; `watched` notices deaths.
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
    """Set up a worker's signals, threads and end.

    A scheduler sends its signals to every process of a job. What a worker has inherited, such as
    sockets, stays open until it ends, so it must not outlive a training that was killed.
    """
    if ends_with_parent:
        signal.set_wakeup_fd(-1)
        end_with_parent()  # the end of the thread that forked counts, here the main one
    for name in IGNORED_SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    cv2.setNumThreads(1)


def end_with_parent() -> None:
    """Have the system kill this process when the thread that started it ends; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


class Watch:
    """Thread that ends the workers of a loader when a batch takes too long."""

    def __init__(
        self, workers: Sequence[BaseProcess], silence_s: float, stop_requested: Callable[[], bool]
    ) -> None:
        """Start watching: a wait of `silence_s`, or a short one after a stop request, ends them."""
        self.workers, self._silence_s = tuple(workers), silence_s
        self._stop_requested, self.interrupted = stop_requested, False
        self.silent = ""  # states of the workers when they were ended
        self._since = 0.0  # start of the present wait; 0: none
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
        """Stop the thread and end the workers, which Python would wait for at exit."""
        self._closed.set()
        self.end_workers()

    def end_workers(self) -> None:
        """Kill the workers; a stopped or hanging one reacts to nothing else."""
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.join(POLL_S)

    def _look(self) -> None:
        warned = 0.0
        while not self._closed.wait(POLL_S):
            since = self._since
            waited = time.monotonic() - since if since else 0.0
            warned = min(warned, waited)  # from an earlier wait
            if waited - warned > WARN_S:
                warned = waited
                LOG.warning("waiting for a batch for %.0f s: %s", waited, self._doing())
            self.interrupted = waited > STOP_S and self._stop_requested()
            if self.interrupted or waited > self._silence_s:
                self.silent = self._doing()
                self.end_workers()  # so that the main thread returns from its wait
                return

    def _doing(self) -> str:
        return ", ".join(f"worker {worker.pid} is {_status(worker)}" for worker in self.workers)


def watched(loaded: Iterator[Step], watch: Watch) -> Iterator[Step]:
    """Yield the workers' results.

    Raises:
        WorkerLost: a worker died, had no memory, or delivered nothing for too long.
        Interrupted: a signal asked the training to stop and no batch came.
    """
    try:
        while True:
            try:
                with watch.waiting():
                    step = next(loaded)
            except StopIteration:
                return
            except SharedMemoryFull:
                raise WorkerLost(f"{no_room_text()}. {GO_ON}") from None
            except (RuntimeError, OSError, EOFError):
                _raise_if_lost(watch)
                raise
            yield step
    finally:
        del loaded  # a traceback keeps this frame, which must not keep the workers alive
        watch.close()


def _raise_if_lost(watch: Watch) -> None:
    """Raise the reason why workers were lost; return if every worker runs."""
    time.sleep(POLL_S)  # a broken connection shows before the end of the process
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
    text = f"loader worker {worker.pid} was killed by {number.name}"
    if number == signal.SIGBUS:
        return f"{text}: {no_room_text()}"
    if number == signal.SIGKILL:
        return (
            f"{text}, which is how a system out of memory ends processes (`dmesg` tells): fewer "
            "data.workers, a smaller data.cache_mib or data.workers=0 need less"
        )
    return f"{text}; data.workers=0 reads in the training process and shows where"


def _status(worker: BaseProcess) -> str:
    with suppress(psutil.Error):
        return str(psutil.Process(worker.pid).status())
    return "gone"


def children() -> set[BaseProcess]:
    """Return the running processes that this one has started by `multiprocessing`."""
    return set(multiprocessing.active_children())
