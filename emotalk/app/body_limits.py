"""Limit the bodies of requests, as ASGI middleware.

A body that is too large or too slow, or one upload too many, is refused before the application
reads it. Then the connection is closed, since the rest of the body is not read.
"""

import asyncio
import json
import logging

from emotalk.app.asgi import App, Message, Receive, Scope, Send
from emotalk.app.server_limits import ServerLimits

TRY_AGAIN_S = 5
BODILESS = ("GET", "HEAD", "OPTIONS", "DELETE")
LOG = logging.getLogger(__name__)


class BodyRefused(Exception):  # noqa: N818  leads to an answer, not a fault
    """Stops the application from reading a refused body."""


class BodyLimits:
    """Limits size, time and number of request bodies."""

    def __init__(self, app: App, limits: ServerLimits, upload_paths: tuple[str, ...]) -> None:
        """Wrap an application that accepts files at paths with the prefixes `upload_paths`."""
        self._app, self._limits, self._upload_paths = app, limits, upload_paths
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or answer it with 400, 408, 413 or 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["method"] not in BODILESS and scope["path"].startswith(self._upload_paths)
        most = self._limits.upload_bytes if upload else self._limits.order_bytes
        seconds = self._limits.upload_s if upload else self._limits.stall_s
        body = _Body(receive, send, most=most, seconds=seconds, stall_s=self._limits.stall_s)
        refusal = _refusal_of_headers(scope, most)
        if refusal is None and upload and self._uploads >= self._limits.uploads:
            refusal = (429, f"{self._uploads} uploads are under way; try again in a moment")
        if refusal is not None:
            await body.refuse(*refusal)
            return
        self._uploads += upload
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:  # BodyRefused, or an exception that the application raised from it
            if body.refusal is None:
                raise
        finally:
            self._uploads -= upload
        if body.refusal is not None and not body.answered:
            await body.refuse(*body.refusal)


class _Body:
    """Passes one request's body to the application, and its answer back, within the limits."""

    def __init__(
        self, receive: Receive, send: Send, *, most: int, seconds: float, stall_s: float
    ) -> None:
        self._receive, self._send, self._most, self._stall_s = receive, send, most, stall_s
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._seconds = seconds
        self._size = 0
        self._complete = False
        self.answered = False
        self.refusal: tuple[int, str] | None = None

    async def receive(self) -> Message:
        """Return the next message, within the limits."""
        if self._complete:  # the next message says that the browser has disconnected
            return await self._receive()
        if self.refusal is not None:
            raise BodyRefused
        left = self._deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(left, self._stall_s))):
                message = await self._receive()
        except TimeoutError:
            self.refusal = (
                408,
                f"the request did not arrive within {self._seconds:g} s, or paused for "
                f"{self._stall_s:g} s; send it again",
            )
            raise BodyRefused from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._size > self._most:
                self.refusal = _too_large(self._most)
                raise BodyRefused
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the answer, unless the body was refused."""
        if self.refusal is not None and not self.answered:
            return
        self.answered = True
        await self._send(message)

    async def refuse(self, status: int, text: str) -> None:
        """Answer with a refusal and close the connection."""
        self.answered = True
        content = json.dumps({"message": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
        ]
        if status == 429:
            headers.append((b"retry-after", str(TRY_AGAIN_S).encode()))
        LOG.info("refused with %d: %s", status, text)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})


def _refusal_of_headers(scope: Scope, most: int) -> tuple[int, str] | None:
    stated = dict(scope["headers"]).get(b"content-length", b"0")
    if not stated.isdigit() or len(stated) > 20:
        return 400, "content-length is no number"
    return _too_large(most) if int(stated) > most else None


def _too_large(most: int) -> tuple[int, str]:
    size = f"{most / 2**20:g} MiB" if most >= 2**20 else f"{most / 2**10:g} KiB"
    return 413, f"the request is larger than {size}"
