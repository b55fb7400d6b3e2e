from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from emotalk.app import video_orders
from emotalk.app.password import Password
from emotalk.app.server import build_app, serve
from emotalk.app.server_limits import DEFAULT_LIMITS
from emotalk.errors import WrongUse
from tests.helpers.app_client import (
    API,
    audio_bytes,
    call,
    file_data,
    image_bytes,
    talk,
    upload,
)
from tests.helpers.tiny_model import tiny_loaded


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = build_app(tiny_loaded(), None, hosts=("testserver",))
    with TestClient(app) as client:
        yield client


def test_a_video_is_made_and_can_be_sought_in(client: TestClient) -> None:
    kind, (video, message) = talk(
        client, image_bytes(), emotion="0=neutral,0.2=anger:0.5", face="largest", scale=2
    )
    assert kind == "complete"
    assert message.startswith("13 frames, 0.52 s of video")
    assert "emotion anger:0.5: this model was trained on full emotions only" in message
    assert "face largest: not used" in message
    whole = client.get(f"{API}/file={video['path']}")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.content[4:8] == b"ftyp"
    part = client.get(f"{API}/file={video['path']}", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_a_mistake_is_told_in_the_users_words(client: TestClient) -> None:
    kind, told = talk(client, image_bytes(64))
    assert kind == "error"
    assert told["error"].startswith("me.png: 64 x 64 pixels is no aligned crop")
    kind, told = talk(client, image_bytes(), emotion="boredom")
    assert "this model has anger, disgust" in told["error"]


def test_a_fault_of_ours_is_not_shown_but_said(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(video_orders, "make_video", fail)
    kind, told = talk(client, image_bytes())
    assert kind == "error"
    assert "secret" not in str(told)
    assert "the server's log says why" in told["error"]


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../etc/passwd", "http://127.0.0.1:1/a.png", "file:///etc/passwd", ""],
)
def test_only_uploads_are_read(client: TestClient, path: str) -> None:
    speech = file_data(upload(client, audio_bytes(), "hello.wav"))
    kind, told = call(client, [file_data(path), speech, "fear", "", False, 1, 0])
    assert kind == "error"
    assert "root:" not in str(told)


def test_pictures_and_speech_may_be_missing_and_this_is_said(client: TestClient) -> None:
    kind, told = call(client, [None, None, "fear", "", False, 1, 0])
    assert kind == "error"
    assert "send it again" in told["error"]


def test_more_seconds_of_speech_than_allowed_are_refused() -> None:
    limits = replace(DEFAULT_LIMITS, sound_s=0.25)
    with TestClient(build_app(tiny_loaded(), None, hosts=("testserver",), limits=limits)) as client:
        kind, told = talk(client, image_bytes())
    assert kind == "error"
    assert "longer than the 0.00416667 minutes of speech that this page takes" in told["error"]


def test_a_large_order_is_not_read(client: TestClient) -> None:
    pieces = (b" " * 4096 for _ in range(20))  # without a length in front
    assert client.post(f"{API}/call/talk", content=b" " * 70_000).status_code == 413
    assert client.post(f"{API}/queue/join", content=pieces).status_code == 413


def test_other_hosts_names_are_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_gradios_own_check_of_paths_is_replaced_not_relied_on(client: TestClient) -> None:
    """Mounted, Gradio does not check where a file lies."""
    for path in ("/etc/passwd", str(Path(__file__)), "http://127.0.0.1:1/"):
        assert client.get(f"{API}/file={path}").status_code in (404, 403)


def test_a_password_is_asked_for_everywhere() -> None:
    app = build_app(
        tiny_loaded(), None, hosts=("testserver",), password=Password("ana", "long enough")
    )
    with TestClient(app) as client:
        for path in ("/", "/config", f"{API}/info", "/theme.css"):
            assert client.get(path).status_code == 401
            assert client.get(path, auth=("ana", "long enough")).status_code == 200
        assert client.post(f"{API}/upload", files={"files": ("a", b"a")}).status_code == 401


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(WrongUse, match=r"cannot listen on 192\.0\.2\.1:7860"):
        serve(tiny_loaded(), None, host="192.0.2.1", port=7860, model="")
