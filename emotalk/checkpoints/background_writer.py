"""Checkpoints written beside the training: a step waits for a copy in memory, not for the disk."""

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
from emotalk.checkpoints.save import Snapshot, write_checkpoint
from emotalk.config.model import ModelConfig

NICENESS = 15  # of 19: a thirtieth of a core that others want too, all of one that nobody wants
LOG = logging.getLogger("emotalk.checkpoint")


class Saver:
    """Writes one checkpoint at a time in a thread, and removes those no longer kept.

    Args:
        folder: of the run's checkpoints.
        model: what rebuilds the networks.
        facts: what inference has to know.
        keep_last: how many of the newest stay.
        written: told of each complete checkpoint, in the writing thread.
        whole: step of the checkpoint that the run was just read from, which needs no writing.
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
        self._whole = whole  # step of the last checkpoint known to be whole
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def begin(self, snapshot: Snapshot, best_step: int | None) -> None:
        """Start writing a snapshot; one that is still being written is waited for.

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
        """Raise what went wrong with the last checkpoint, if anything has by now."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def finish(self) -> None:
        """Wait for the checkpoint being written; raise what went wrong with it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def _write(
        self, snapshot: Snapshot, best_step: int | None, ready: torch.cuda.Event | None
    ) -> None:
        began = time.monotonic()
        _step_back()
        try:
            with _own_stream(ready):
                on_cpu = snapshot.to_cpu()
            path = write_checkpoint(self._folder, on_cpu, self._model, self._facts)
            step = snapshot.state.step
            point_best(self._folder, best_step)
            remove_old(self._folder, keep_last=self._keep_last, best_step=best_step, newest=step)
            self._whole = step
            self._written(path)
        except Exception as error:  # noqa: BLE001  handed to the training thread, which raises it
            self._error = error
        else:
            LOG.info("saved %s in %.1f s", path, time.monotonic() - began)


def _step_back() -> None:
    """Give this thread the time that the training's threads leave over.

    Where the training runs on the CPU, each of its parallel loops waits for the slowest thread: one
    that shared its core evenly with the writer would slow down all of them.
    """
    if sys.platform == "linux":  # elsewhere a priority is a whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _own_stream(ready: torch.cuda.Event | None) -> AbstractContextManager[object]:
    """Return a context whose copies from the GPU do not queue up with the training's kernels."""
    if ready is None:
        return nullcontext()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_event(ready)
    return torch.cuda.stream(stream)
