"""Queue orders for one worker thread: a bounded number, each with a place, each cancellable."""

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from emotalk.app.server_limits import ServerLimits

LOG = logging.getLogger(__name__)
ABANDONED = "its progress was not requested for long"
# `refused` is the user's mistake, `failed` ours.
State = Literal["working", "done", "refused", "failed", "cancelled"]


class QueueFull(Exception):  # noqa: N818  leads to an answer, not a fault
    """Raised when the largest number of orders is waiting."""


class Cancelled(Exception):  # noqa: N818  stops the work between two blocks
    """Raised when the video was cancelled."""


@dataclass
class Job:
    """One ordered video."""

    name: str
    output: Path
    abandoned_s: float  # without a request for its progress, it is cancelled
    state: State = "working"  # also while it waits
    message: str = ""  # for the user
    done: int = 0  # finished frames
    frames: int = 0  # of the whole video; 0 until known
    requested_at: float = field(default_factory=time.monotonic)  # last request for its progress
    _wanted: bool = True

    @property
    def is_abandoned(self) -> bool:
        """Return whether its progress was not requested for longer than the limit."""
        return time.monotonic() - self.requested_at > self.abandoned_s

    def cancel(self, why: str) -> None:
        """Stop the work before its next block."""
        if self.state == "working":
            self.message = why
            self._wanted = False

    def check_wanted(self) -> None:
        """Raise `Cancelled` if the video was cancelled or abandoned."""
        if self.is_abandoned:
            self.cancel(ABANDONED)
        if not self._wanted:
            raise Cancelled

    def show(self, done: int, frames: int) -> None:
        """Record the progress; called after each block."""
        self.check_wanted()
        self.done, self.frames = done, frames


class OrderQueue:
    """Make videos one after the other in one worker thread."""

    def __init__(self, folder: Path, limits: ServerLimits) -> None:
        """Start the worker, which writes the videos to `folder`."""
        self._folder, self._limits = folder, limits
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._pending: list[Job] = []  # the first one is in work
        self._futures: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1)

    def put(self, work: Callable[[Job], None], ended: Callable[[], None]) -> Job:
        """Queue an order and return its job.

        Args:
            work: makes the video and sets the job's state and message.
            ended: called once when the job is over, also after a failure.

        Raises:
            QueueFull: too many orders are waiting.
        """
        self._give_up_abandoned()
        with self._lock:
            if len(self._pending) > self._limits.waiting:
                raise QueueFull
            name = secrets.token_hex(8)
            job = Job(name, self._folder / f"{name}.mp4", self._limits.abandoned_s)
            self._jobs[name] = job
            self._pending.append(job)
            self._drop_old()
            future = self._futures[name] = self._worker.submit(self._run, job, work)
        future.add_done_callback(lambda over: self._over(job, over, ended))
        return job

    def get(self, name: str) -> Job | None:
        """Return a job and record the request, or None if there is no such job."""
        job = self._jobs.get(name)
        if job is not None:
            job.requested_at = time.monotonic()
        return job

    def place(self, job: Job) -> int:
        """Return the number of orders before it; 0 if it is running or finished."""
        with self._lock:
            return self._pending.index(job) if job in self._pending else 0

    def cancel(self, job: Job, why: str) -> None:
        """Cancel a job: at once if it is waiting, before its next block if it is running."""
        job.cancel(why)
        with self._lock:
            waits = job in self._pending[1:]
            future = self._futures.get(job.name)
        if waits and future is not None:
            future.cancel()

    def close(self) -> None:
        """Stop the work before its next block and wait for it."""
        for job in list(self._jobs.values()):
            job.cancel("the server ends")
        self._worker.shutdown(cancel_futures=True)

    def _give_up_abandoned(self) -> None:
        with self._lock:
            waiting = self._pending[1:]
        for job in waiting:
            if job.is_abandoned:
                self.cancel(job, ABANDONED)

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        job.check_wanted()
        work(job)

    def _over(self, job: Job, over: "Future[None]", ended: Callable[[], None]) -> None:
        fault = None if over.cancelled() else over.exception()
        if over.cancelled() or isinstance(fault, Cancelled):
            job.output.unlink(missing_ok=True)
            job.state = "cancelled"
        elif fault is not None:
            job.message = "the video could not be made; the server's log says why"
            job.state = "failed"
            LOG.error("a video failed", exc_info=fault)
        with self._lock:
            self._pending.remove(job)
            self._futures.pop(job.name, None)
        ended()

    def _drop_old(self) -> None:
        over = [name for name, job in self._jobs.items() if job.state != "working"]
        for name in over[: max(0, len(over) - self._limits.kept_videos)]:
            self._jobs.pop(name).output.unlink(missing_ok=True)
