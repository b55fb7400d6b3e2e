from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from emotalk.app.face_finder import FaceFinder
from emotalk.app.page_events import PageEvents
from emotalk.app.server_limits import DEFAULT_LIMITS
from emotalk.app.temporary_files import TemporaryFiles
from emotalk.app.video_orders import VideoOrders
from emotalk.app.wish import ChosenFace
from emotalk.config.etl import LandmarksConfig
from tests.helpers.app_client import image_bytes
from tests.helpers.shared import shared_data
from tests.helpers.tiny_model import tiny_loaded


@pytest.fixture
def files() -> TemporaryFiles:
    return TemporaryFiles(8, 10**8)


def events_of(files: TemporaryFiles, landmarks: LandmarksConfig | None) -> Iterator[PageEvents]:
    orders = VideoOrders(tiny_loaded(), landmarks, DEFAULT_LIMITS, files)
    yield PageEvents(orders, FaceFinder(landmarks))
    orders.close()


@pytest.fixture
def events(files: TemporaryFiles) -> Iterator[PageEvents]:
    """Of a server whose pictures are aligned crops."""
    yield from events_of(files, None)


def stored(files: TemporaryFiles, name: str, content: bytes) -> str:
    with files.receiving(name) as incoming:
        incoming.file.write(content)
    return str(incoming.path)


def chosen(updates: tuple[Any, ...]) -> ChosenFace:
    (found,) = [one for one in updates if isinstance(one, ChosenFace)]
    return found


def note(updates: tuple[Any, ...]) -> str:
    (found,) = [one for one in updates if isinstance(one, str)]
    return found


def test_a_crop_is_chosen_as_it_is(events: PageEvents, files: TemporaryFiles) -> None:
    path = stored(files, "me.png", image_bytes())
    updates = events.give_picture(path)
    assert chosen(updates) == ChosenFace(path, 0, usable=True)
    assert "This face will talk" in note(updates)


def test_a_picture_that_cannot_be_used_is_not_chosen(
    events: PageEvents, files: TemporaryFiles
) -> None:
    for path in (stored(files, "me.png", image_bytes(64)), stored(files, "a.png", b"no picture")):
        updates = events.give_picture(path)
        assert chosen(updates) == ChosenFace()
        assert 'class="told say bad"' in note(updates)
        assert str(files.folder) not in note(updates)


@pytest.mark.parametrize("path", ["/etc/passwd", "relative.png"])
def test_only_uploads_are_looked_at(events: PageEvents, path: str) -> None:
    updates = events.give_picture(path)
    assert chosen(updates) == ChosenFace()
    assert "no longer there" in note(updates)


def test_a_click_chooses_a_face_of_a_group(files: TemporaryFiles) -> None:
    root = shared_data("data", "insightface")
    config = LandmarksConfig(backend="insightface", pack="faces68", root=root)
    photograph = shared_data("data", "images", "pyfeat_multi_face.jpg").read_bytes()
    for events in events_of(files, config):
        first = events.give_picture(stored(files, "group.jpg", photograph))
        assert chosen(first).face == 0, "the largest"
        place = SimpleNamespace(index=[370, 280])  # the woman in front, of 1000 x 667 pixels
        clicked = events.click_face(chosen(first), place)
        assert chosen(clicked).face != 0
        assert note(clicked) != note(first), "another crop"
        nowhere = events.click_face(chosen(clicked), SimpleNamespace(index=[2, 660]))
        assert chosen(nowhere) == chosen(clicked)


def test_changes_are_put_into_the_order_of_time(events: PageEvents) -> None:
    line = "0=neutral,1.5=anger:0.5"
    assert events.add_change(line, 3, "fear", 1) == "0=neutral,1.5=anger:0.5,3=fear"
    assert events.add_change(line, 1, "fear", 0.25) == "0=neutral,1=fear:0.25,1.5=anger:0.5"
    assert events.add_change(line, 1.5, "fear", 1) == "0=neutral,1.5=fear"
    assert events.add_change("", 0, "fear", 1) == "0=fear"
