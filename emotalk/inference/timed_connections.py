"""Connections that are closed when no request comes over them: uvicorn itself waits for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def timed_protocol(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a limit on the time from a connection to its request.

    Args:
        seconds: that a request's first line and headers may take.
    """

    class TimedProtocol(H11Protocol):
        """Looks now and then whether a request is under way."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._idle_before = False
            self._look: asyncio.TimerHandle | None = None
            self._look_again()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._look is not None:
                self._look.cancel()
            super().connection_lost(exc)

        def _look_again(self) -> None:
            self._look = self.loop.call_later(seconds / 2, self._close_if_idle)

        def _close_if_idle(self) -> None:
            cycle: Any = self.cycle
            idle = cycle is None or cycle.response_complete
            if idle and self._idle_before:
                self.transport.close()
                return
            self._idle_before = idle
            self._look_again()

    return TimedProtocol
