"""Let only the page's own requests through, as ASGI middleware.

Gradio has more routes than this page needs: it downloads addresses, edits its own source and lists
recorded runs. Everything that is not listed here is answered with 404, also another site's request.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from emotalk.app.asgi import App, Message, Receive, Scope, Send
from emotalk.app.password import Password

API = "/gradio_api"
UPLOAD = f"{API}/upload"
FILE = f"{API}/file="
NOSNIFF = (b"x-content-type-options", b"nosniff")
OPEN = re.compile(
    r"/|/config/?|/theme\.css|/robots\.txt|/favicon\.ico|/manifest\.json"
    r"|/(assets|static|svelte)/[\w./-]+"
    r"|/gradio_api/(info|openapi\.json|app_id|startup-events|theme\.css|reset|cancel|upload"
    r"|upload_progress|queue/join|queue/data)/?"
    r"|/gradio_api/run/\w{1,64}/?"
    r"|/gradio_api/heartbeat/\w{1,64}"
    r"|/gradio_api/call/(?!v2/)\w{1,64}(/\w{1,64})?"
)


class Gate:
    """Passes requests of the page and its API on; refuses all others."""

    def __init__(self, app: App, folder: Path, password: Password | None) -> None:
        """Wrap an application whose files are in `folder`."""
        self._app, self._folder, self._password = app, folder.resolve(), password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or answer it with 401, 403, 404 or 429."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # websockets: nothing here uses them; the server closes the connection
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        try:
            await self._app(scope, receive, _unguessed(send))
        except RuntimeError as error:
            if not isinstance(error.__cause__, HTTPException):
                raise
            # Gradio begins the stream of a session's messages before it looks for the session.
            await send({"type": "http.response.body", "body": b""})

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = dict(scope["headers"])
        if self._password is not None:
            address = scope["client"][0] if scope.get("client") else ""
            status = self._password.status(headers.get(b"authorization", b""), address)
            if status == 429:
                return _answer(
                    429, "too many wrong passwords; wait a minute", {"Retry-After": "60"}
                )
            if status == 401:
                ask = {"WWW-Authenticate": 'Basic realm="emotalk", charset="UTF-8"'}
                return _answer(401, "a user name and a password are needed", ask)
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and urlsplit(origin).netloc != headers.get(b"host", b"").decode("latin-1"):
            return _answer(403, "requests of other sites are refused")
        if not self._is_open(scope["path"]):
            return _answer(404, "there is no such page")
        return None

    def _is_open(self, path: str) -> bool:
        if not path.startswith(FILE):
            return OPEN.fullmatch(path) is not None and ".." not in path
        try:
            named = Path(path.removeprefix(FILE)).resolve()
        except (OSError, ValueError):
            return False
        return named.is_relative_to(self._folder)


def _unguessed(send: Send) -> Send:
    """Return `send` with a header, so that no browser takes an upload for another kind of file."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), NOSNIFF]
        await send(message)

    return send_with_header


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"message": message}, status, headers)
