"""Start an S3 server on this machine behind a proxy that fails on request."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from unittest import mock
from urllib.parse import urlsplit

import s3fs
from moto.server import ThreadedMotoServer

BUCKET, KEY = "bucket", "RIGHTKEY"
ANSWERS = {
    "throttle": (503, "SlowDown"),
    "unavailable": (503, "ServiceUnavailable"),
    "error": (500, "InternalError"),
}
Fault = Literal["throttle", "unavailable", "error", "cut"]


@dataclass
class Faults:
    """List how the next requests of each method fail at the proxy, one after the other."""

    next: dict[str, list[Fault]] = field(default_factory=dict)  # by method
    met: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)  # method and path of every request

    def take(self, method: str) -> Fault | None:
        """Return how this request fails; None: it does not."""
        waiting = self.next.get(method)
        if not waiting:
            return None
        self.met.append(waiting.pop(0))
        return self.met[-1]


@contextmanager
def object_storage() -> Iterator[Faults]:
    """Lend an empty bucket at s3://bucket, reached through the proxy by the environment."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    faults = Faults()
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server.get_host_and_port(), faults))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    variables = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{proxy.server_port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with mock.patch.dict("os.environ", variables):
            s3fs.S3FileSystem.clear_instance_cache()
            _empty(server.get_host_and_port())
            s3fs.S3FileSystem().mkdir(BUCKET)
            faults.seen.clear()
            yield faults
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        proxy.shutdown()
        proxy.server_close()
        server.stop()


def _empty(address: tuple[str, int]) -> None:
    """Remove what earlier servers of this process hold: they share it."""
    connection = http.client.HTTPConnection(*address)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()


def _handler(  # noqa: C901  methods that share two names
    address: tuple[str, int], faults: Faults
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            faults.seen.append((self.command, urlsplit(self.path).path))
            if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
                self._answer(403, "InvalidAccessKeyId")
                return
            fault = faults.take(self.command)
            if fault in ANSWERS:
                self._answer(*ANSWERS[fault])
                return
            half = fault == "cut"
            if half and self.command == "PUT":
                self._hang_up()
            else:
                self._pass_on(half=half)

        def _hang_up(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self.connection.close()
            self.close_connection = True

        def _pass_on(self, *, half: bool) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection(*address)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = (
                answer.getheader("Content-Length", "0") if self.command == "HEAD" else len(data)
            )
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if half else data)
            self.close_connection = half

        def _answer(self, status: int, code: str) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    return Handler
