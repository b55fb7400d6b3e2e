"""Connections that are closed when nothing moves on them: uvicorn itself waits for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

LOOKS = 2  # within the limit


def timed_protocol(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with limits on waiting for a request and for its answer's reader.

    Args:
        seconds: that a request's first line and headers may take, and that a browser may read
            nothing of an answer.
    """

    class TimedProtocol(H11Protocol):
        """Looks now and then whether a request is under way and its answer is read."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._idle_before = False
            self._resumed = 0
            self._unread: tuple[int, int] | None = None  # bytes that wait, times it went on
            self._unread_looks = 0
            self._look: asyncio.TimerHandle | None = None
            self._look_again()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._look is not None:
                self._look.cancel()
            super().connection_lost(exc)

        def resume_writing(self) -> None:
            self._resumed += 1
            super().resume_writing()

        def _look_again(self) -> None:
            self._look = self.loop.call_later(seconds / LOOKS, self._close_if_nothing_moves)

        def _close_if_nothing_moves(self) -> None:
            if self._is_unread():
                self.transport.abort()  # closing would wait for the reader
                return
            cycle: Any = self.cycle
            idle = cycle is None or cycle.response_complete
            if idle and self._idle_before:
                self.transport.close()
            self._idle_before = idle
            self._look_again()

        def _is_unread(self) -> bool:
            """Return whether the browser has taken no byte of what waits for it for so long."""
            waiting = self.transport.get_write_buffer_size()
            state = (waiting, self._resumed)
            still = waiting > 0 and state == self._unread
            self._unread_looks = self._unread_looks + 1 if still else 0
            self._unread = state
            return self._unread_looks >= LOOKS

    return TimedProtocol
