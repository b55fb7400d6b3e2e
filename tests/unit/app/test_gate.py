import asyncio
from pathlib import Path
from typing import Any

import pytest

from emotalk.app.gate import Gate


def status(folder: Path, path: str, **headers: str) -> int:
    """Return the status of a request to the gate before an application that answers 200."""
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "client": ("192.0.2.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(Gate(app, folder, None)(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/assets/a-b.js",
        "/gradio_api/queue/join",
        "/gradio_api/call/talk/0af1",
        "/gradio_api/run/predict",
    ],
)
def test_what_the_page_asks_for_is_let_through(tmp_path: Path, path: str) -> None:
    assert status(tmp_path, path) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=https://192.0.2.1/a",
        "/gradio_api/vibe-code/",
        "/gradio_api/vibe-edit",
        "/gradio_api/run-history/connect",
        "/gradio_api/call/v2/talk",
        "/monitoring",
        "/assets/../../secret",
        "/static/img/..%2f",
        "/gradio_api/custom_component/a/b/c/d",
        "/docs",
    ],
)
def test_what_only_gradio_offers_is_not(tmp_path: Path, path: str) -> None:
    assert status(tmp_path, path) == 404


def test_only_files_of_the_servers_folder_are_sent(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (tmp_path / "beside").touch()
    (folder / "link").symlink_to(tmp_path / "beside")
    assert status(folder, f"/gradio_api/file={folder}/a/b.mp4") == 200
    for path in (
        "/etc/passwd",
        f"{folder}/../beside",
        f"{folder}/link",
        f"{folder}x/a",
        "http://a",
    ):
        assert status(folder, f"/gradio_api/file={path}") == 404


def test_requests_of_other_sites_are_refused(tmp_path: Path) -> None:
    assert status(tmp_path, "/", host="localhost:7860", origin="http://localhost:7860") == 200
    assert status(tmp_path, "/", host="localhost:7860", origin="https://evil.example") == 403
    assert status(tmp_path, "/", host="localhost:7860", origin="null") == 403
