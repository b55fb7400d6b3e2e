"""What a browser, or something that is none, sends to the page."""

from pathlib import Path
from typing import Any

from tests.fuzz.mutate import TEXTS, Random, any_bytes, change_json
from tests.fuzz.surface import Door, Surface

Request = tuple[str, str, bytes]


class ServerError(Exception):
    """The server answered 5xx, or something that is no answer."""


def _orders(folder: Path) -> Door:
    from starlette.testclient import TestClient

    from emotalk.inference.app import build_app
    from tests.helpers.tiny_model import tiny_loaded

    del folder
    client = TestClient(
        build_app(tiny_loaded(), None, hosts=("testserver",)), raise_server_exceptions=True
    )
    client.__enter__()
    order: Any = {
        "image": "0" * 16,
        "audio": "1" * 16,
        "emotion": "anger:0.5",
        "face": "0",
        "seed": 3,
        "scale": 2,
    }

    def make(rng: Random) -> Request:
        kind = rng.random()
        if kind < 0.7:
            return "POST", "/api/videos", change_json(order, rng)
        name = rng.choice((*TEXTS, "face.png", "a/b.wav"))
        quoted = "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "surrogatepass"))
        if kind < 0.85:
            return "PUT", f"/api/files?name={quoted[:3000]}", any_bytes(rng)
        return "GET", f"/api/videos/{quoted[:3000]}", b""

    def enter(request: Request) -> None:
        method, path, body = request
        answer = client.request(method, path, content=body)
        if answer.status_code >= 500 or (answer.status_code >= 400 and not answer.text):
            raise ServerError(f"{answer.status_code} {answer.text[:80]}")

    return Door(make, enter, ())


SURFACES = (Surface("page", 6000, _orders),)
