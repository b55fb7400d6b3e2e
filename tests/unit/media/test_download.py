"""A download against a server on this machine: whole, cut, resumed, wrong, refused."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotalk.errors import Stopped
from emotalk.media.download import TRIES, WrongBytes, download

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Asked = list[str | None]


@dataclass
class Server:
    """What the server does, and the `Range` of each request."""

    url: str = ""
    content: bytes = CONTENT
    cuts: int = 0  # how many answers end half way
    ranges: bool = True
    announces: bool = True  # says how long the file is
    code: int = 200
    asked: Asked = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.headers.get("Range"))
            if told.code != 200:
                self.send_error(told.code)
                return
            begin = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if told.ranges else 0
            if begin >= len(told.content):
                self.send_error(416)
                return
            rest = told.content[begin:]
            self.send_response(206 if begin else 200)
            if told.announces:
                self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if told.cuts:
                told.cuts -= 1
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{listening.server_port}/weights.pth"
    yield told
    listening.shutdown()
    listening.server_close()


def get(server: Server, path: Path, **changes: object) -> None:
    given: dict[str, object] = {"sha256": SHA256[:8], "max_bytes": 2 * len(CONTENT), "pause_s": 0}
    download(server.url, path, **given | changes)  # type: ignore[arg-type]


def test_a_file_comes_whole_with_its_progress(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    get(server, tmp_path / "new" / "file", progress=lambda done, total: told.append((done, total)))
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_cut_connection_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.cuts = 2
    get(server, tmp_path / "file")
    half = len(CONTENT) // 2
    assert server.asked == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_later_call_goes_on_with_what_has_come(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    get(server, tmp_path / "file")
    assert server.asked == ["bytes=1000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    get(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_of_it_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "file.part").write_bytes(b"something older")
    get(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_file_is_refused_and_nothing_of_it_kept(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(WrongBytes, match=f"expected {SHA256[:8]}"):
        get(server, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("announces", [True, False])
def test_no_more_is_taken_than_the_file_can_have(
    server: Server, tmp_path: Path, announces: bool
) -> None:
    server.announces = announces
    with pytest.raises(WrongBytes, match="1000"):
        get(server, tmp_path / "file", max_bytes=1000)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1001


@pytest.mark.parametrize(("code", "requests"), [(404, 1), (503, TRIES)])
def test_a_refusal_is_said_a_fault_of_the_server_tried_again(
    server: Server, tmp_path: Path, code: int, requests: int
) -> None:
    server.code = code
    with pytest.raises(Stopped, match=str(code)):
        get(server, tmp_path / "file")
    assert len(server.asked) == requests
    assert not (tmp_path / "file").exists()


def test_no_server_is_said(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="refused"):
        get(Server(url="http://127.0.0.1:9/weights.pth"), tmp_path / "file")


def test_a_file_that_came_meanwhile_is_not_replaced(server: Server, tmp_path: Path) -> None:
    def meanwhile(done: int, total: int) -> None:
        (tmp_path / "file").write_bytes(b"somebody else's")

    with pytest.raises(FileExistsError):
        get(server, tmp_path / "file", progress=meanwhile)
    assert (tmp_path / "file").read_bytes() == b"somebody else's"
