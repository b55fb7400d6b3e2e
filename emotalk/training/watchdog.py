"""End a process whose training makes no progress for too long, and say where it stands.

Every process watches itself. In a hang all wait for the one that does not come, so all reach their
limit together; each writes the stacks of its threads to its log, and all end a moment later.
"""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Literal, TextIO

from emotalk.errors import EXIT_HUNG

Phase = Literal["setup", "step", "validation", "checkpoint"]
GRACE_S = 15.0  # for the other processes to reach their limits too
POLL_S = 1.0
OURS = f"{os.sep}emotalk{os.sep}"
LOG = logging.getLogger("emotalk.train")


class Watchdog:
    """Watch the phases of a training in a thread.

    A process may wait in one phase for others that are still in the phase before. So the first step
    after another phase has the longer of both limits.
    """

    def __init__(
        self,
        limits: Mapping[Phase, float],
        *,
        hung: Callable[[str], None],
        leave: Callable[[int], None] = os._exit,
        grace_s: float = GRACE_S,
        poll_s: float = POLL_S,
    ) -> None:
        """Begin with the phase `setup`; nothing is watched before `start`.

        Args:
            limits: phase -> seconds; 0 means no limit.
            hung: called with a message before the process ends, e.g. to write the status.
            leave: ends the process with an exit code.
            grace_s: seconds between the message and the end.
            poll_s: seconds between two looks.
        """
        self._limits = {phase: limit or float("inf") for phase, limit in limits.items()}
        self._hung, self._leave = hung, leave
        self._grace_s, self._poll_s = grace_s, poll_s
        self._stacks: TextIO = sys.stderr
        self._carried = 0.0  # limit of the phase before this one
        self._phase: Phase = "setup"
        self._limit, self._since = self._limits["setup"], time.monotonic()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def write_stacks_to(self, file: TextIO) -> None:
        """Write stacks to this open file instead of standard error."""
        self._stacks = file

    def start(self) -> None:
        """Start watching."""
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def enter(self, phase: Phase) -> None:
        """Begin a phase, or the same one anew: that is progress."""
        before = 0.0 if self._phase == phase else self._limits[self._phase]
        self._begin(phase, max(self._limits[phase], before, self._carried))
        self._carried = 0.0

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Return the context of a phase within a step."""
        before = self._phase
        self.enter(phase)
        try:
            yield
        finally:
            self._carried = self._limit
            self._begin(before, max(self._limits[before], self._carried))

    def _begin(self, phase: Phase, limit: float) -> None:
        self._phase, self._limit, self._since = phase, limit, time.monotonic()

    def _watch(self) -> None:
        while not self._stopped.wait(self._poll_s):
            if time.monotonic() - self._since > self._limit:
                self._end()
                return

    def _end(self) -> None:
        """Write what is known about the hang, wait for the others to do so, and end the process."""
        message = (
            f"hung: no progress for {self._limit:.0f} s in the phase {self._phase} "
            f"(runtime.watchdog.{self._phase}_s); this process waits in {self._place()}"
        )
        faulthandler.dump_traceback(self._stacks, all_threads=True)
        LOG.error("%s", message)
        self._hung(message)
        time.sleep(self._grace_s)
        self._leave(EXIT_HUNG)

    @staticmethod
    def _place() -> str:
        """Return file, line and function of the innermost frame of ours in the main thread."""
        frame: FrameType | None = sys._current_frames().get(threading.main_thread().ident or 0)
        innermost = frame
        while frame is not None and OURS not in frame.f_code.co_filename:
            frame = frame.f_back
        frame = frame or innermost
        if frame is None:
            return "no Python code"
        return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"
