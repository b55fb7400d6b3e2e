"""Receive files from browsers, as Gradio's page and clients send them.

It takes the place of Gradio's own route, which leaves the begun file behind when a browser goes
away, keeps every file until the server ends, and names files by their content.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from emotalk.app.body_limits import TRY_AGAIN_S
from emotalk.app.temporary_files import Incoming, NoRoom, TemporaryFiles

MAX_FILES = 4  # of one request
MAX_HEADER = 8192  # bytes of the headers before a file
MAX_TRACKED = 32  # uploads whose progress is kept
PROGRESS_WAIT_S = 3.0  # a browser may ask for the progress before it sends
Message = dict[str, Any]


class BadForm(ValueError):  # noqa: N818  leads to an answer, not a fault
    """Raised for a body that is no form with files."""


class UploadRoute:
    """Stores the files of forms, and tells how much of them has arrived."""

    def __init__(self, files: TemporaryFiles) -> None:
        """Store the files in `files`."""
        self._files = files
        self._progress: OrderedDict[str, asyncio.Queue[Message]] = OrderedDict()

    async def receive(self, request: Request) -> Response:
        """Store the files of a form and return the list of their paths."""
        progress = self._progress_of(request.query_params.get("upload_id", ""))
        try:
            with ExitStack() as kept:
                form = _Form(request.headers.get("content-type", ""), self._files, kept)
                async for chunk in request.stream():
                    form.add(chunk)
                    progress.put_nowait(form.arrived(len(chunk)))
                paths = form.paths()
        except ClientDisconnect:
            return _refusal("the browser has gone", 400)
        except NoRoom:
            return _refusal("too many files wait for orders; try again in a moment", 429)
        except BadForm as error:
            return _refusal(str(error), 400)
        finally:
            progress.put_nowait({"msg": "done"})
        return JSONResponse(paths)

    async def show_progress(self, request: Request) -> Response:
        """Return a stream of how many bytes of an upload have arrived."""
        progress = self._progress_of(request.query_params.get("upload_id", ""))

        async def messages() -> AsyncIterator[str]:
            message: Message = {}
            while message.get("msg") != "done":
                try:
                    message = await asyncio.wait_for(progress.get(), PROGRESS_WAIT_S)
                except TimeoutError:
                    message = {"msg": "done"}
                yield f"data: {json.dumps(message)}\n\n"

        return StreamingResponse(messages(), media_type="text/event-stream")

    def _progress_of(self, upload: str) -> "asyncio.Queue[Message]":
        while len(self._progress) >= MAX_TRACKED:
            self._progress.popitem(last=False)
        return self._progress.setdefault(upload[:64], asyncio.Queue())


@dataclass
class _Part:
    """One part of a form while it arrives."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: bytes = b""
    value: bytes = b""
    incoming: Incoming | None = None


class _Form:
    """Write the files of a form to temporary files as its bytes arrive; other fields are left."""

    def __init__(self, content_type: str, files: TemporaryFiles, kept: ExitStack) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise BadForm("send files as multipart/form-data, e.g. curl -F files=@me.jpg")
        self._files, self._kept = files, kept
        self._part = _Part()
        self._incoming: list[Incoming] = []
        self._ended = False
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)
        except FormParserError as error:
            raise BadForm(f"the form cannot be read: {error}") from None

    def add(self, chunk: bytes) -> None:
        """Read the next bytes.

        Raises:
            BadForm: they are no part of a form, or hold too many files.
            NoRoom: no stored file can be dropped for a new one.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadForm(f"the form cannot be read: {error}") from None

    def arrived(self, size: int) -> Message:
        """Return the message of `size` more bytes."""
        name = self._incoming[-1].path.name if self._incoming else ""
        return {"msg": "update", "orig_name": name, "chunk_size": size}

    def paths(self) -> list[str]:
        """Return the paths of all files of the whole form.

        Raises:
            BadForm: it was cut short or holds no file.
        """
        if not self._ended or not self._incoming:
            raise BadForm("the form holds no whole file; send one, e.g. curl -F files=@me.jpg")
        return [str(incoming.path) for incoming in self._incoming]

    def _begin(self) -> None:
        self._part = _Part()

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._part.name = self._bounded(self._part.name + data[start:end])

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value = self._bounded(self._part.value + data[start:end])

    def _bounded(self, header: bytes) -> bytes:
        if len(header) > MAX_HEADER:
            raise BadForm(f"a header of the form is longer than {MAX_HEADER} bytes")
        return header

    def _end_header(self) -> None:
        self._part.headers[self._part.name.lower()] = self._part.value
        self._part.name = self._part.value = b""

    def _open(self) -> None:
        disposition = self._part.headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        if b"filename" not in options:
            return
        if len(self._incoming) == MAX_FILES:
            raise BadForm(f"more than {MAX_FILES} files in one form; send them one by one")
        shown = options[b"filename"].decode("utf-8", "replace")
        self._part.incoming = self._kept.enter_context(self._files.receiving(shown))
        self._incoming.append(self._part.incoming)

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._part.incoming is not None:
            self._part.incoming.file.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def _refusal(message: str, status: int) -> JSONResponse:
    headers = {"Retry-After": str(TRY_AGAIN_S)} if status == 429 else None
    return JSONResponse({"message": message}, status, headers)
