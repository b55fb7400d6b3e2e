import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from emotalk.app.temporary_files import TemporaryFiles
from emotalk.app.upload_route import MAX_FILES, MAX_HEADER, UploadRoute

FORM = "multipart/form-data; boundary=b0"


def part(name: str, content: bytes) -> bytes:
    head = f'--b0\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
    return head.encode() + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"


def send(files: TemporaryFiles, *chunks: bytes | None, kind: str = FORM) -> tuple[int, bytes]:
    """Return status and body of the answer to a form; None among the chunks: the browser goes."""
    messages = [
        {"type": "http.disconnect"}
        if chunk is None
        else {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def receive() -> Any:
        return messages.pop(0)

    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b"upload_id=a"}
    answer = asyncio.run(UploadRoute(files).receive(Request(scope, receive)))
    return answer.status_code, bytes(answer.body)


@pytest.fixture
def files() -> Any:
    files = TemporaryFiles(8, 10_000)
    yield files
    files.close()


def kept(files: TemporaryFiles) -> list[Path]:
    return [path for path in files.folder.rglob("*") if path.is_file()]


def test_a_file_arrives_whole_however_it_is_cut(files: TemporaryFiles) -> None:
    whole = part("me.png", b"one\r\n--b0two") + part("b.png", b"x") + b"--b0--\r\n"
    for size in (1, 3, 1000):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        status, body = send(files, *pieces)
        assert status == 200
        paths = [Path(path) for path in json.loads(body)]
        assert [path.read_bytes() for path in paths] == [b"one\r\n--b0two", b"x"]
        assert [path.name for path in paths] == ["me.png", "b.png"]
        assert all(files.name_of(path) for path in paths)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a\x00b", ".ssh"])
def test_a_file_name_leads_nowhere_else(files: TemporaryFiles, name: str) -> None:
    before = Path("/etc/passwd").read_bytes()
    send(files, part(name, b"mine") + b"--b0--\r\n")
    assert Path("/etc/passwd").read_bytes() == before
    assert all(path.resolve().is_relative_to(files.folder) for path in kept(files))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b0--"),
        (FORM, b""),
        (FORM, b"no form at all"),
        (FORM, b"--b0--\r\n"),
        (FORM, part("a", b"x")[:-4]),
        (FORM, part("a", b"x") + b"--b0\r\nContent-Disposition: form-data"),
        (FORM, part("a", b"x") * (MAX_FILES + 1) + b"--b0--\r\n"),
        (FORM, b"--b0\r\nX-Long: " + b"x" * (MAX_HEADER + 10) + b"\r\n\r\n"),
        (FORM, b'--b0\r\nContent-Disposition: form-data; name="field"\r\n\r\nx\r\n--b0--\r\n'),
    ],
)
def test_what_is_no_whole_form_with_files_leaves_nothing(
    files: TemporaryFiles, kind: str, body: bytes
) -> None:
    status, told = send(files, body, kind=kind)
    assert status == 400
    assert b"message" in told
    assert kept(files) == []


def test_an_upload_whose_browser_goes_leaves_nothing(files: TemporaryFiles) -> None:
    status, _ = send(files, part("a.wav", b"half")[:-2], None)
    assert status == 400
    assert kept(files) == []
    assert list(files.folder.iterdir()) == []


def test_without_room_it_is_told_to_come_again(files: TemporaryFiles) -> None:
    status, told = send(files, part("a", b"x" * 10_001) + b"--b0--\r\n")
    assert status == 429
    assert b"try again" in told
    assert kept(files) == []


def test_the_progress_ends_with_the_upload(files: TemporaryFiles) -> None:
    async def told() -> str:
        route = UploadRoute(files)
        body = part("me.png", b"x" * 100) + b"--b0--\r\n"

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        headers = [(b"content-type", FORM.encode())]
        scope = {
            "type": "http",
            "method": "POST",
            "headers": headers,
            "query_string": b"upload_id=a",
        }
        await route.receive(Request(scope, receive))
        stream: Any = await route.show_progress(Request(scope))
        chunks: AsyncIterator[str] = stream.body_iterator
        return "".join([chunk async for chunk in chunks])

    text = asyncio.run(told())
    assert '"orig_name": "me.png"' in text
    assert text.endswith('data: {"msg": "done"}\n\n')
