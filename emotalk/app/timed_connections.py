"""Close idle connections, for which uvicorn would wait without a limit."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

CHECKS = 2  # within the time limit


def timed_protocol(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a time limit for requests and for reading answers.

    It limits the time for a request's first line and headers, and the time without reading.
    """

    class TimedProtocol(H11Protocol):
        """Checks regularly whether a request is in progress and its answer is read."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._idle_before = False
            self._resumed = 0
            self._unread: tuple[int, int] | None = None  # waiting bytes, number of resumptions
            self._unread_checks = 0
            self._next_check: asyncio.TimerHandle | None = None
            self._schedule_check()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._next_check is not None:
                self._next_check.cancel()
            super().connection_lost(exc)

        def resume_writing(self) -> None:
            self._resumed += 1
            super().resume_writing()

        def _schedule_check(self) -> None:
            self._next_check = self.loop.call_later(seconds / CHECKS, self._close_if_nothing_moves)

        def _close_if_nothing_moves(self) -> None:
            if self._is_unread():
                self.transport.abort()  # closing would wait for the reader
                return
            cycle: Any = self.cycle
            idle = cycle is None or cycle.response_complete
            if idle and self._idle_before:
                self.transport.close()
            self._idle_before = idle
            self._schedule_check()

        def _is_unread(self) -> bool:
            """Return whether the browser has read no byte of the answer within the limit."""
            waiting = self.transport.get_write_buffer_size()
            state = (waiting, self._resumed)
            still = waiting > 0 and state == self._unread
            self._unread_checks = self._unread_checks + 1 if still else 0
            self._unread = state
            return self._unread_checks >= CHECKS

    return TimedProtocol
