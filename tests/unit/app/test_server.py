import io
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from starlette.testclient import TestClient

from emotalk.errors import WrongUse
from emotalk.inference import video_service
from emotalk.inference.app import build_app, serve
from emotalk.app.server_limits import DEFAULT_LIMITS
from tests.helpers.tiny_model import tiny_loaded


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = build_app(tiny_loaded(), None, hosts=("testserver",))
    with TestClient(app) as client:
        yield client


def image_bytes(size: int = 128) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), (200, 150, 120)).save(file, "PNG")
    return file.getvalue()


def audio_bytes() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(np.arange(8000) / 5), 16000, format="WAV")
    return file.getvalue()


def upload(client: TestClient, content: bytes, name: str) -> str:
    answer = client.put("/api/files", params={"name": name}, content=content)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def order(client: TestClient, image: bytes, **changes: Any) -> dict[str, Any]:
    body = {
        "image": upload(client, image, "me.png"),
        "audio": upload(client, audio_bytes(), "hello.wav"),
        "emotion": "happiness",
    }
    answer = client.post("/api/videos", json=body | changes)
    assert answer.status_code == 202
    while True:
        job = client.get(f"/api/videos/{answer.json()['id']}").json()
        if job["state"] != "working":
            return {**job, "id": answer.json()["id"]}
        time.sleep(0.05)


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/").text
    assert "<title>emotalk</title>" in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_model_says_which_emotions_it_knows(client: TestClient) -> None:
    told = client.get("/api/model").json()
    assert told["emotions"][:2] == ["anger", "disgust"]
    assert told["knows"].startswith("faces that were not recorded; emotions:")
    assert told["never_learnt"] == []


def test_a_video_is_made_and_can_be_sought_in(client: TestClient) -> None:
    job = order(client, image_bytes(), emotion="0=neutral,0.2=anger:0.5", scale=2)
    assert (job["state"], job["done"], job["frames"]) == ("done", 13, 13)
    url = f"/api/videos/{job['id']}/video.mp4"
    whole = client.get(url)
    assert whole.headers["content-type"] == "video/mp4"
    part = client.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_a_mistake_is_told_in_the_users_words(client: TestClient) -> None:
    job = order(client, image_bytes(64))
    assert job["state"] == "refused"
    assert job["message"].startswith("me.png: 64 x 64 pixels is no aligned crop")


def test_a_fault_of_ours_is_not_shown_but_said(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(video_service, "make_video", fail)
    job = order(client, image_bytes())
    assert job["state"] == "failed"
    assert "secret" not in job["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"image": 1}', 400), (b'{"image":"a","audio":"b","emotion":"fear"}', 404)],
)
def test_a_wrong_order_is_refused(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/api/videos", content=body)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_a_file_that_is_too_large_is_refused() -> None:
    limits = replace(DEFAULT_LIMITS, upload_bytes=100)
    with TestClient(build_app(tiny_loaded(), None, hosts=("testserver",), limits=limits)) as client:
        assert client.put("/api/files", content=b"x" * 101).status_code == 413
        assert client.put("/api/files", content=b"x" * 100).status_code == 201


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a\x00b", ".ssh"])
def test_a_file_name_leads_nowhere_else(client: TestClient, name: str) -> None:
    before = Path("/etc/passwd").read_bytes()
    upload(client, b"mine", name)
    assert Path("/etc/passwd").read_bytes() == before


def test_other_hosts_names_are_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_unknown_videos_are_not_found(client: TestClient) -> None:
    assert client.get("/api/videos/none").status_code == 404
    assert client.get("/api/videos/none/video.mp4").status_code == 404


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(WrongUse, match=r"cannot listen on 192\.0\.2\.1:7860"):
        serve(tiny_loaded(), None, host="192.0.2.1", port=7860)


def test_without_its_packages_the_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "emotalk.inference.app")
    with pytest.raises(WrongUse, match=r"pip install 'emotalk\[app\]'"):
        __import__("emotalk.inference.app")


def test_the_page_says_what_of_an_order_the_model_has_not_learnt(client: TestClient) -> None:
    job = order(client, image_bytes(), emotion="anger:0.3", face="largest")
    assert job["state"] == "done"
    assert "emotion anger:0.3: this model was trained on full emotions only" in job["message"]
    assert "face largest: not used" in job["message"]
    assert "note" not in order(client, image_bytes())["message"]


HOSTILE = {
    "deep": b'{"image": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "deep objects": b'{"a":' * 10_000,
    "a lone surrogate": b'{"image": "\\ud800", "audio": "a", "emotion": "fear"}',
    "a lone surrogate as emotion": b'{"image": "a", "audio": "b", "emotion": "\\udfff"}',
    "a surrogate as key": b'{"\\ud800": 1}',
    "a number of 9000 digits": b'{"seed": ' + b"9" * 9000 + b"}",
    "a seed beyond 64 bits": b'{"image": "a", "audio": "b", "emotion": "c", "seed": 1e30}',
    "no number": b'{"image": "a", "audio": "b", "emotion": "c", "scale": NaN}',
    "no UTF-8": b"\xff\xfe{",
    "no mapping": b"[1, 2]",
    "nothing": b"",
    "escape sequences": b'{"\\u001b[2J": 1}',
    "a long emotion": b'{"image": "a", "audio": "b", "emotion": "' + b"x" * 5000 + b'"}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_an_order_holds_it_is_answered_with_what_is_wrong(
    client: TestClient, body: bytes
) -> None:
    answer = client.post("/api/videos", content=body)
    assert answer.status_code in (400, 404)
    message = answer.json()["message"]
    assert message
    assert message.replace("\n", "").isprintable()


def test_a_large_order_is_not_read(client: TestClient) -> None:
    pieces = (b" " * 4096 for _ in range(20))  # without a length in front
    assert client.post("/api/videos", content=b" " * 70_000).status_code == 413
    assert client.post("/api/videos", content=pieces).status_code == 413


@pytest.mark.parametrize("name", ["%C3%B6" * 400, "%ED%A0%80.png", "%FF%FE", "a/" * 99])
def test_a_long_or_broken_name_is_no_fault(client: TestClient, name: str) -> None:
    assert client.put(f"/api/files?name={name}", content=b"mine").status_code == 201


def test_more_seconds_of_speech_than_allowed_are_refused() -> None:
    limits = replace(DEFAULT_LIMITS, sound_s=0.25)
    with TestClient(build_app(tiny_loaded(), None, hosts=("testserver",), limits=limits)) as client:
        job = order(client, image_bytes())
    assert job["state"] == "refused"
    assert "longer than the 0.00416667 minutes of speech that this page takes" in job["message"]


def test_the_limits_can_be_read(client: TestClient) -> None:
    told = client.get("/api/model").json()["limits"]
    for words in (
        "200 MiB a file",
        "10 minutes of speech",
        "8 uploads at once",
        "8 orders waiting",
    ):
        assert words in told
