"""What a browser, or something that is none, sends to the page."""

from pathlib import Path
from typing import Any

from tests.fuzz.mutate import TEXTS, Random, any_bytes, change_json
from tests.fuzz.surface import Door, Surface

Request = tuple[str, str, bytes, str]
JSON, FORM = "application/json", "multipart/form-data; boundary=b0"


class ServerError(Exception):
    """The server answered 5xx, or something that is no answer."""


def _orders(folder: Path) -> Door:
    from starlette.testclient import TestClient

    from emotalk.app.server import build_app
    from tests.helpers.tiny_model import tiny_loaded

    del folder
    client = TestClient(
        build_app(tiny_loaded(), None, hosts=("testserver",)), raise_server_exceptions=True
    )
    client.__enter__()
    file: Any = {"path": "/tmp/a.png", "meta": {"_type": "gradio.FileData"}}  # noqa: S108  no file
    order: Any = {"data": [file, file, "anger:0.5", "0", True, 2, 3]}

    def make(rng: Random) -> Request:
        kind = rng.random()
        if kind < 0.6:
            return "POST", "/gradio_api/call/talk", change_json(order, rng), JSON
        name = rng.choice((*TEXTS, "face.png", "a/b.wav"))
        quoted = "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "surrogatepass"))
        if kind < 0.85:
            head = (
                f'--b0\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
            )
            whole = head.encode("utf-8", "surrogatepass") + any_bytes(rng) + b"\r\n--b0--\r\n"
            cut = whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole
            return "POST", "/gradio_api/upload", cut, FORM
        return "GET", f"/gradio_api/file={quoted[:3000]}", b"", JSON

    def enter(request: Request) -> None:
        method, path, body, kind = request
        answer = client.request(method, path, content=body, headers={"Content-Type": kind})
        if answer.status_code >= 500 or (answer.status_code >= 400 and not answer.text):
            raise ServerError(f"{answer.status_code} {answer.text[:80]}")

    return Door(make, enter, ())


SURFACES = (Surface("page", 6000, _orders),)
