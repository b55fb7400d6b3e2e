"""A real server on a free port, and browsers that send slowly, too much or nothing at all."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from emotalk.inference import video_service
from emotalk.inference.app import build_app, build_server
from emotalk.app.server_limits import DEFAULT_LIMITS
from emotalk.inference.talking_video import make_video
from tests.helpers.tiny_model import tiny_loaded
from tests.unit.inference.test_app import audio_bytes, image_bytes

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


@dataclass
class Running:
    """A server in a thread of this process."""

    port: int
    folder: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def half_open(self, length: int = 1000, sent: bytes = b"half") -> socket.socket:
        """Begin an upload and do not end it."""
        connection = self.connect()
        head = f"PUT /api/files?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}"
        connection.sendall(head.encode() + b"\r\n\r\n" + sent)
        return connection

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        with self.connect() as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            head += f"Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            return answer_of(connection)

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


def finished_order(server: Running) -> str:
    """Return the name of a video that is done."""
    image = server.ask("PUT", "/api/files?name=me.png", image_bytes())[1]["id"]
    audio = server.ask("PUT", "/api/files?name=hello.wav", audio_bytes())[1]["id"]
    body = json.dumps({"image": image, "audio": audio, "emotion": "fear"}).encode()
    name = str(server.ask("POST", "/api/videos", body)[1]["id"])
    until(lambda: server.ask("GET", f"/api/videos/{name}")[1]["state"] == "done")
    return name


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


def until(condition: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def server() -> Iterator[Running]:
    app = build_app(tiny_loaded(), None, hosts=("localhost",), limits=LIMITS)
    running = build_server(app, LIMITS)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until(lambda: running.started)
    yield Running(listening.getsockname()[1], app.state.folder)
    running.should_exit = True
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert not app.state.folder.exists(), "temporary files go with the server"


def test_half_open_uploads_are_bounded_and_end_in_time(server: Running) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with ExitStack() as stack:
        held = [stack.enter_context(server.half_open()) for _ in range(30)]
        answers = [answer_of(connection) for connection in held]
        statuses = sorted(status for status, _ in answers)
        assert statuses == [408] * 4 + [429] * 26
        assert "pause" in next(facts["message"] for status, facts in answers if status == 408)
    assert server.files() == []
    until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)
    status, _ = server.ask("PUT", "/api/files?name=a.wav", b"whole")
    assert status == 201


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
    with server.half_open():
        until(lambda: len(server.files()) == 1)
    until(lambda: server.files() == [])
    assert list(server.folder.iterdir()) == []


def test_connections_without_a_request_are_closed(server: Running) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in silent[::2]:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert {answer_of(connection)[0] for connection in silent} <= {0, 400, 408}
    assert server.ask("GET", "/api/model")[0] == 200


def test_what_is_too_large_is_refused_before_it_is_read(server: Running) -> None:
    with server.half_open(length=600 * 2**20, sent=b"") as connection:
        status, facts = answer_of(connection)
    assert (status, facts["message"]) == (413, "the request is larger than 97.6562 KiB")
    head = b"POST /api/videos HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
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

    def held(*arguments: Any, **more: Any) -> Any:
        assert go_on.wait(WAIT_S)
        return make_video(*arguments, **more)

    monkeypatch.setattr(video_service, "make_video", held)
    image = server.ask("PUT", "/api/files?name=me.png", image_bytes())[1]["id"]
    audio = server.ask("PUT", "/api/files?name=hello.wav", audio_bytes())[1]["id"]
    body = json.dumps({"image": image, "audio": audio, "emotion": "fear"}).encode()
    answers = [server.ask("POST", "/api/videos", body) for _ in range(60)]
    assert [status for status, _ in answers] == [202] * 3 + [429] * 57
    names = [facts["id"] for status, facts in answers if status == 202]
    jobs = [server.ask("GET", f"/api/videos/{name}") for name in names]
    assert [status for status, _ in jobs] == [200] * 3
    assert [facts["place"] for _, facts in jobs] == [0, 1, 2]
    given_up = server.ask("DELETE", f"/api/videos/{names[1]}")[1]
    assert (given_up["state"], given_up["message"]) == ("cancelled", "given up")
    assert server.ask("GET", f"/api/videos/{names[2]}")[1]["place"] == 1
    server.ask("DELETE", f"/api/videos/{names[0]}")  # in work: ends before its next block
    go_on.set()
    until(lambda: server.ask("GET", f"/api/videos/{names[0]}")[1]["state"] == "cancelled")
    until(lambda: server.ask("GET", f"/api/videos/{names[2]}")[1]["state"] == "done")
    assert [path.name for path in server.folder.glob("*.mp4")] == [f"{names[2]}.mp4"]
    assert not list(server.folder.glob(".*.part"))


def test_a_browser_that_reads_nothing_of_an_answer_is_let_go(server: Running) -> None:
    """The answer is larger than what the system takes off the server's hands by itself."""
    before = len(os.listdir("/proc/self/fd"))
    name = finished_order(server)
    with (server.folder / f"{name}.mp4").open("ab") as video:
        video.truncate(2 * MAX_IN_FLIGHT)
    head = f"GET /api/videos/{name}/video.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(10):
            connection = stack.enter_context(server.connect())
            connection.sendall(head)
            assert connection.recv(1)
        assert len(os.listdir("/proc/self/fd")) >= before + 20
        until(lambda: len(os.listdir("/proc/self/fd")) <= before + 12)  # the ten of this side
    with server.connect() as slow:  # and one that reads on is served to the end
        slow.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        read = 0
        while piece := slow.recv(2**20):
            read += len(piece)
            time.sleep(0.1)
    assert read > 2 * MAX_IN_FLIGHT


def test_the_end_of_the_server_does_not_wait_for_half_open_uploads(server: Running) -> None:
    """The fixture's end judges: the thread is gone and the folder with it."""
    connection = server.half_open()
    until(lambda: len(server.files()) == 1)
    server.kept = connection  # type: ignore[attr-defined]
