"""Uploads that are not what they say, and requests that ask for what is not theirs."""

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from emotalk.app.server import build_app
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

HTML = b"<html><script>alert(1)</script></html>"
RATE_AT, DATA_SIZE_AT = 24, 40  # in the 44 bytes of a WAV header


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = build_app(tiny_loaded(), None, hosts=("testserver",))
    with TestClient(app) as client:
        yield client
    assert not app.state.folder.exists()


def refusal(client: TestClient, image: bytes, audio: bytes, names: tuple[str, str]) -> str:
    """Return why a video of these uploads is not made."""
    files = [upload(client, image, names[0]), upload(client, audio, names[1])]
    kind, told = call(client, [*map(file_data, files), "happiness", "", False, 1, 0])
    assert kind == "error"
    return str(told["error"])


def lying(place: int, value: int) -> bytes:
    """Return a WAV file of half a second with another number in its header."""
    sound = bytearray(audio_bytes())
    sound[place : place + 4] = struct.pack("<I", value)
    return bytes(sound)


def test_a_small_file_of_a_huge_picture_is_refused_by_its_size(client: TestClient) -> None:
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    assert len(file.getvalue()) < 2**20
    told = refusal(client, file.getvalue(), audio_bytes(), ("bomb.png", "a.wav"))
    assert told.startswith("bomb.png: 20000 x 20000 pixels are more than 100000000")


def test_an_archive_with_the_name_of_a_video_is_refused(client: TestClient) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10**7))
    told = refusal(client, image_bytes(), file.getvalue(), ("me.png", "film.mp4"))
    assert told.startswith("film.mp4: not a media file")


def test_a_recording_is_as_long_as_its_samples_whatever_its_header_says(
    client: TestClient,
) -> None:
    kind, (_, message) = talk(client, image_bytes(), audio=lying(DATA_SIZE_AT, 2**31))
    assert kind == "complete"
    assert message.startswith("13 frames, 0.52 s of video")
    slow = lying(RATE_AT, 1)  # one sample a second: hours
    told = refusal(client, image_bytes(), slow, ("me.png", "slow.wav"))
    assert "longer than the 10 minutes of speech" in told


def test_a_page_with_the_name_of_a_picture_is_refused_and_never_shown_as_a_page(
    client: TestClient,
) -> None:
    told = refusal(client, HTML, audio_bytes(), ("x.jpg", "a.wav"))
    assert told.startswith("x.jpg: not an image file")
    for name, kind in (("x.jpg", "image/jpeg"), ("x.html", "application/octet-stream")):
        answer = client.get(f"{API}/file={upload(client, HTML, name)}")
        assert answer.headers["content-type"] == kind
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["../../../../etc/x", "..\\..\\x.png", "/etc/passwd", "..", ".htaccess", "%2e%2e%2fx"]
)
def test_an_upload_lies_in_a_folder_of_its_own_whatever_its_name(
    client: TestClient, name: str
) -> None:
    path = Path(upload(client, HTML, name))
    assert path.parents[1] == client.app.state.folder  # type: ignore[attr-defined]
    assert path.resolve() == path
    assert not path.name.startswith(".")


def test_nobody_finds_anothers_upload_without_its_address(client: TestClient) -> None:
    path = Path(upload(client, audio_bytes(), "secret.wav"))
    with TestClient(client.app) as other:
        for shown in ("/config", f"{API}/info", "/"):
            assert path.parent.name not in other.get(shown).text
        for guess in (path.parents[1], path.parent, path.parents[1] / path.name):
            assert other.get(f"{API}/file={guess}").status_code in (403, 404)


def test_the_messages_of_an_unknown_session_are_none(client: TestClient) -> None:
    answer = client.get(f"{API}/queue/data?session_hash=nobody")
    assert answer.status_code == 200
    assert "complete" not in answer.text


@pytest.mark.parametrize("body", [b'{"data": NaN}', b'{"data": "\\ud800"}'])
def test_what_cannot_be_repeated_in_an_answer_is_refused_all_the_same(
    client: TestClient, body: bytes
) -> None:
    answer = client.post(
        f"{API}/call/talk", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json() == {"message": "the request has not the form of this call"}
