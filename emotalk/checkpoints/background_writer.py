"""Write checkpoints in a background thread, so that a training step never waits for the disk."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from emotalk.checkpoints.folder import point_best, remove_old
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.save import write_checkpoint
from emotalk.checkpoints.snapshot import Snapshot
from emotalk.config.model import ModelConfig

NICENESS = 15  # of 19: about 1/30 of a core that is shared, all of an idle one
LOG = logging.getLogger("emotalk.checkpoint")


class BackgroundWriter:
    """Write one checkpoint at a time in a thread, keep `keep_last` of them and the best.

    `written` is called in that thread with the path of each complete checkpoint. `whole` is the
    step of the checkpoint that the run resumed from, which is not written again.
    """

    def __init__(
        self,
        folder: Path,
        model: ModelConfig,
        facts: ModelFacts,
        *,
        keep_last: int,
        written: Callable[[Path], None],
        whole: int | None = None,
    ) -> None:
        self._folder, self._model, self._facts = folder, model, facts
        self._keep_last, self._written = keep_last, written
        self._whole = whole  # step of the last complete checkpoint
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def begin(self, snapshot: Snapshot, best_step: int | None) -> None:
        """Start writing a snapshot, after the one before is complete.

        Raises:
            OSError: the one before could not be written.
        """
        self.finish()
        if snapshot.state.step == self._whole:
            return
        ready = torch.cuda.Event() if snapshot.on_cuda else None  # type: ignore[no-untyped-call]
        if ready is not None:
            ready.record()
        self._thread = threading.Thread(
            target=self._write, args=(snapshot, best_step, ready), name="checkpoint"
        )
        self._thread.start()

    def check(self) -> None:
        """Raise the error of the last checkpoint, if there is one."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def finish(self) -> None:
        """Wait for the checkpoint being written; raise its error, if there is one."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def _write(
        self, snapshot: Snapshot, best_step: int | None, ready: torch.cuda.Event | None
    ) -> None:
        began = time.monotonic()
        _lower_priority()
        try:
            with _own_stream(ready):
                on_cpu = snapshot.to_cpu()
            path = write_checkpoint(self._folder, on_cpu, self._model, self._facts)
            step = snapshot.state.step
            point_best(self._folder, best_step)
            remove_old(self._folder, keep_last=self._keep_last, best_step=best_step, newest=step)
            self._whole = step
            self._written(path)
        except Exception as error:  # noqa: BLE001  raised in the training thread
            self._error = error
        else:
            LOG.info("saved %s in %.1f s", path, time.monotonic() - began)


def _lower_priority() -> None:
    """Lower the priority of this thread below that of the training's threads.

    On a CPU, every parallel loop of the training waits for its slowest thread. A thread that shared
    its core evenly with the writer would slow down all of them.
    """
    if sys.platform == "linux":  # elsewhere a priority belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _own_stream(ready: torch.cuda.Event | None) -> AbstractContextManager[object]:
    """Return a context that copies from the GPU on a CUDA stream of its own."""
    if ready is None:
        return nullcontext()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_event(ready)
    return torch.cuda.stream(stream)
