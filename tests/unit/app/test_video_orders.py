from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emotalk.app import video_orders as module
from emotalk.app.order_queue import Job
from emotalk.app.server_limits import DEFAULT_LIMITS
from emotalk.app.temporary_files import TemporaryFiles
from emotalk.app.video_orders import VideoOrders, without_folders
from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.inference.talking_video import VideoReport, VideoRequest
from tests.helpers.app_client import audio_bytes, image_bytes, until
from tests.helpers.tiny_model import tiny_loaded


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[VideoRequest]:
    """What would have been made."""
    seen: list[VideoRequest] = []

    def make(request: VideoRequest, *_: Any, **__: Any) -> VideoReport:
        seen.append(request)
        return VideoReport(request.output or Path(), 25, 1.0, ("a note",))

    monkeypatch.setattr(module, "make_video", make)
    return seen


@pytest.fixture
def orders() -> Iterator[VideoOrders]:
    files = TemporaryFiles(8, 10**7)
    orders = VideoOrders(tiny_loaded(), LandmarksConfig(), DEFAULT_LIMITS, files)
    yield orders
    orders.close()
    assert not files.folder.exists()


def stored(orders: VideoOrders, name: str, content: bytes) -> str:
    with orders.files.receiving(name) as incoming:
        incoming.file.write(content)
    return str(incoming.path)


def order(orders: VideoOrders, **more: Any) -> dict[str, object]:
    image = stored(orders, "me.png", image_bytes())
    return {
        "image": image,
        "audio": stored(orders, "a.wav", audio_bytes()),
        "emotion": "fear",
    } | more


def ended(job: Job) -> Job:
    until(lambda: job.state != "working")
    return job


def test_an_order_becomes_the_request_of_the_command(
    orders: VideoOrders, requests: list[VideoRequest]
) -> None:
    job = ended(orders.put(order(orders, face="1", seed=3, scale=2)))
    assert (job.state, requests[0].face, requests[0].seed, requests[0].scale) == ("done", "1", 3, 2)
    assert job.message.endswith("; note: a note")
    assert str(orders.files.folder) not in job.message


def test_a_whole_picture_has_its_own_size_and_all_emotions_no_single_one(
    orders: VideoOrders, requests: list[VideoRequest]
) -> None:
    ended(orders.put(order(orders, paste_back=True, scale=4)))
    ended(orders.put(order(orders, paste_back=True, all_emotions=True)))
    assert (requests[0].paste_back, requests[0].scale, requests[0].long_side) == (True, 1, 1280)
    assert (requests[1].emotion, requests[1].long_side) == (None, None)


def test_an_examples_picture_is_an_aligned_crop(
    orders: VideoOrders, requests: list[VideoRequest]
) -> None:
    path = orders.files.lasting() / "drawn.png"
    path.write_bytes(image_bytes())
    ended(orders.put(order(orders, image=str(path), face="0", paste_back=True, scale=2)))
    made = requests[0]
    assert (made.landmarks, made.face, made.paste_back, made.scale) == (None, None, False, 2)


@pytest.mark.parametrize(
    "more",
    [
        {"image": "/etc/passwd"},
        {"audio": "/etc/passwd"},
        {"seed": -1},
        {"scale": 9},
        {"emotion": "x" * 5000},
        {"else": 1},
    ],
)
def test_a_wrong_order_is_refused(orders: VideoOrders, more: dict[str, Any]) -> None:
    with pytest.raises(WrongUse):
        orders.put(order(orders, **more))


def test_only_the_sessions_own_orders_are_cancelled(
    orders: VideoOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(request: VideoRequest, *_: Any, progress: Any, **__: Any) -> VideoReport:
        while request.seed == 1:
            progress(1, 100)
        return VideoReport(request.output or Path(), 25, 1.0)

    monkeypatch.setattr(module, "make_video", work)
    mine = [orders.put(order(orders, seed=1), "me"), orders.put(order(orders, seed=1), "me")]
    other = orders.put(order(orders, seed=0), "other")
    orders.cancel("me")
    assert [ended(job).state for job in mine] == ["cancelled", "cancelled"]
    assert ended(other).state == "done"


def test_paths_of_the_server_are_not_told(tmp_path: Path) -> None:
    del tmp_path
    files = TemporaryFiles(2, 100)
    text = f"{files.folder}/0123456789abcdef/me.png: bad; {files.folder}/examples/a.jpg"
    files.close()
    assert without_folders(text) == "me.png: bad; a.jpg"
