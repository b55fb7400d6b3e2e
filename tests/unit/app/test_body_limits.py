"""A real server on a free port, and browsers that send slowly, too much or nothing at all."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from emotalk.app import video_orders
from emotalk.app.server_limits import DEFAULT_LIMITS
from emotalk.inference.talking_video import make_video
from tests.helpers.app_client import (
    API,
    audio_bytes,
    file_data,
    image_bytes,
    running_app,
    until,
)

LIMITS = replace(
    DEFAULT_LIMITS,
    upload_s=3.0,
    stall_s=1.0,
    uploads=4,
    connections=40,
    waiting=2,
    upload_bytes=100_000,
)
WAIT_S = 60.0
MAX_IN_FLIGHT = 2**24  # bytes: more than Linux keeps between two sockets of one machine


BOUNDARY = "b0"


def form(name: str, content: bytes) -> bytes:
    """Return a form with one file, without its end."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"'
    return head.encode() + b"\r\n\r\n" + content


@dataclass
class Running:
    """A server in a thread of this process, spoken to byte by byte."""

    port: int
    folder: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def held(self) -> int:
        """Return how many connections of browsers the server has not closed.

        Asked by port: other tests' files are closed in this process whenever Python collects them.
        """
        ends = psutil.Process().net_connections(kind="tcp")
        open_ends = (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT)
        return sum(end.laddr.port == self.port and end.status in open_ends for end in ends)

    def half_open(self, length: int = 1000, sent: bytes = b"half") -> socket.socket:
        """Begin an upload and do not end it."""
        connection = self.connect()
        head = f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}"
        head += f"\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        connection.sendall(head.encode() + (form("a.wav", sent) if sent else b""))
        return connection

    def upload(self, name: str, content: bytes) -> tuple[int, Any]:
        body = form(name, content) + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.ask("POST", f"{API}/upload", body, kind)

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> tuple[int, Any]:
        with self.connect() as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            return answer_of(connection)

    def files(self) -> list[Path]:
        """Return the temporary files, without the page's examples."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return [path for path in found if path.parent.name != "examples"]

    def order(self) -> dict[str, Any]:
        """Return the body of a call for a video, with its files uploaded."""
        image = self.upload("me.png", image_bytes())[1][0]
        audio = self.upload("hello.wav", audio_bytes())[1][0]
        return {"data": [file_data(image), file_data(audio), "fear", "", False, 1, 0]}

    def begin(self, order: dict[str, Any]) -> str:
        """Order a video; return the event's name."""
        status, told = self.ask("POST", f"{API}/call/talk", json.dumps(order).encode())
        assert status == 200
        return str(told["event_id"])

    def end(self, event: str) -> str:
        """Wait for a call to end; return its stream's text."""
        with self.connect() as connection:
            head = f"GET {API}/call/talk/{event} HTTP/1.1\r\nHost: localhost\r\n"
            connection.sendall(head.encode() + b"Connection: close\r\n\r\n")
            data = b""
            while piece := connection.recv(65536):
                data += piece
        return data.decode("utf-8", "replace")


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    """Return status and JSON of the answer, read to the end of the connection.

    The answers that ask to come again, and no others, say when.
    """
    data = b""
    while piece := connection.recv(65536):
        data += piece
    if not data:
        return 0, None
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if status in (408, 413, 429):
        assert (b"\r\nretry-after: " in head.lower()) == (status == 429)
    return status, json.loads(body or b"null")


@pytest.fixture
def server() -> Iterator[Running]:
    with running_app(limits=LIMITS) as running:
        yield Running(running.port, running.folder)


def test_half_open_uploads_are_bounded_and_end_in_time(server: Running) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(server.half_open()) for _ in range(30)]
        answers = [answer_of(connection) for connection in held]
        statuses = sorted(status for status, _ in answers)
        assert statuses == [408] * 4 + [429] * 26
        assert "pause" in next(facts["message"] for status, facts in answers if status == 408)
    assert server.files() == []
    until(lambda: server.held() == 0)
    status, _ = server.upload("a.wav", b"whole")
    assert status == 200


def test_an_upload_in_drops_ends_in_time_too(server: Running) -> None:
    with server.half_open() as connection:
        try:
            for _ in range(100):  # never a pause, and never an end
                connection.sendall(b"x")
                time.sleep(0.2)
        except OSError:
            pass  # it was closed
        else:
            raise AssertionError("the server waited for ever")
    until(lambda: server.files() == [])


def test_an_upload_whose_browser_goes_leaves_nothing(server: Running) -> None:
    before = sorted(server.folder.iterdir())
    with server.half_open():
        until(lambda: len(server.files()) == 1)
    until(lambda: server.files() == [])
    assert sorted(server.folder.iterdir()) == before


def test_connections_without_a_request_are_closed(server: Running) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in silent[::2]:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert {answer_of(connection)[0] for connection in silent} <= {0, 400, 408}
    assert server.ask("GET", f"{API}/startup-events")[0] == 200


def test_what_is_too_large_is_refused_before_it_is_read(server: Running) -> None:
    with server.half_open(length=600 * 2**20, sent=b"") as connection:
        status, facts = answer_of(connection)
    assert (status, facts["message"]) == (413, "the request is larger than 97.6562 KiB")
    head = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head + b"11000\r\n" + b" " * 0x11000 + b"\r\n")
        assert answer_of(connection)[0] == 413
    with server.connect() as connection:
        connection.sendall(
            head.replace(b"Transfer-Encoding: chunked", b"Content-Length: 629145600")
        )
        assert answer_of(connection)[0] == 413


def test_orders_wait_in_turn_and_one_too_many_is_told_to_come_again(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    began: list[str] = []

    def held(request: Any, *arguments: Any, **more: Any) -> Any:
        began.append(request.emotion)
        assert go_on.wait(WAIT_S)
        return make_video(request, *arguments, **more)

    monkeypatch.setattr(video_orders, "make_video", held)
    order = server.order()
    events = []
    for _ in range(12):
        events.append(server.begin(order))
        time.sleep(0.05)
    refused = [server.end(event) for event in events[3:]]
    assert all("event: error" in text and "2 orders wait already" in text for text in refused)
    assert len(began) == 1, "one video at a time"
    go_on.set()
    for event in events[:3]:
        assert "event: complete" in server.end(event)
    assert len(began) == 3
    assert len(list(server.folder.glob("*.mp4"))) == 3
    assert not list(server.folder.glob(".*.part"))


def test_a_browser_that_reads_nothing_of_an_answer_is_let_go(server: Running) -> None:
    """The answer is larger than what the system takes off the server's hands by itself."""
    path = server.upload("film.mp4", b"0")[1][0]
    with Path(path).open("ab") as video:
        video.truncate(2 * MAX_IN_FLIGHT)
    head = f"GET {API}/file={path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(10):
            connection = stack.enter_context(server.connect())
            connection.sendall(head)
            assert connection.recv(1)
        until(lambda: server.held() == 0)
    with server.connect() as slow:  # and one that reads on is served to the end
        slow.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        read = len(slow.recv(2**20))
        assert server.held() == 1
        while piece := slow.recv(2**20):
            read += len(piece)
            time.sleep(0.1)
    assert read > 2 * MAX_IN_FLIGHT


def test_the_end_of_the_server_does_not_wait_for_half_open_uploads(server: Running) -> None:
    """The fixture's end judges: the thread is gone and the folder with it."""
    connection = server.half_open()
    until(lambda: len(server.files()) == 1)
    server.kept = connection  # type: ignore[attr-defined]
