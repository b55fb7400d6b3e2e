"""The page that makes videos, used with a browser as people use it: real photographs, real speech.

Set SCREENSHOTS=DIR to keep pictures of the page.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emotalk.app import video_orders
from emotalk.app.server_limits import DEFAULT_LIMITS
from emotalk.config.etl import LandmarksConfig
from emotalk.inference.talking_video import make_video
from tests.helpers.app_client import RunningApp, running_app, until
from tests.helpers.browser import Browser, missing_browser
from tests.helpers.shared import shared_data

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing_browser()), reason=missing_browser()),
]

PICTURE, FACES, SPEECH = "#picture input[type=file]", "#faces img", "#speech input[type=file]"
MIDDLE = (0.5, 0.5)
SLOW_S = 800.0  # six videos of two seconds on a busy core
HARMLESS = "Method not implemented"  # Gradio's, at the end of each upload


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    root = shared_data("data", "insightface")
    landmarks = LandmarksConfig(backend="insightface", pack="faces68", root=root)
    with running_app(landmarks, limits=replace(DEFAULT_LIMITS, waiting=4)) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser"), online=False) as browser:
        yield browser


def keep(browser: Browser, name: str, folder: Path) -> "np.ndarray[Any, Any]":
    """Return the picture of the page, kept where the person who runs the tests wants it."""
    path = Path(os.environ.get("SCREENSHOTS", folder)) / f"app-{name}.png"
    browser.screenshot(path)
    shown = cv2.imread(str(path))
    assert shown is not None
    return np.asarray(shown)


def open_page(
    browser: Browser, app: RunningApp, *, width: int = 1280, scheme: str = "light"
) -> None:
    browser.emulate(width=width, height=1000, scheme=scheme)
    browser.open(app.url)
    browser.wait_for("Make the video")
    browser.wait_for_script(f"return document.querySelector('{PICTURE}')")


def give_speech(browser: Browser, name: str = "eskimez_speech01.wav") -> None:
    browser.give_file(SPEECH, shared_data("data", "audio", name))
    wait_for_speech(browser)


def wait_for_speech(browser: Browser) -> None:
    """Wait until the page has the recording, whose length it then shows."""
    browser.wait_for_script("return document.querySelector('#speech').innerText.includes('0:0')")


def take_example(browser: Browser) -> None:
    """Take the first drawn face with its recording."""
    browser.click_at("#examples img", *MIDDLE)
    crop(browser)
    wait_for_speech(browser)


def crop(browser: Browser) -> str:
    """Return the chosen face's crop, as its address."""
    return str(browser.wait_for_script("return document.querySelector('#face-note img')?.src"))


def playing(browser: Browser) -> list[float]:
    """Return width, height, length and bytes of sound of the video once it has played a while."""
    found = browser.wait_for_script(
        "const v = document.querySelector('#film video'); return v && v.currentTime > 0.4 && "
        "[v.videoWidth, v.videoHeight, v.duration, v.webkitAudioDecodedByteCount]"
    )
    return [float(value) for value in found]


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light"), (380, "dark")]
)
def test_it_fits_the_window_and_keeps_to_the_scheme(
    browser: Browser, app: RunningApp, tmp_path: Path, width: int, scheme: str
) -> None:
    open_page(browser, app, width=width, scheme=scheme)
    browser.wait_for("A face", "Speech", "An emotion", "agreed to it", "Settings")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    shown = keep(browser, f"{width}-{scheme}", tmp_path)
    assert (float(np.median(shown)) > 128) == (scheme == "light")


def test_it_loads_nothing_from_elsewhere_and_works_offline(
    browser: Browser, app: RunningApp
) -> None:
    open_page(browser, app)
    browser.errors()
    time.sleep(2)
    loaded = browser.script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert len(loaded) > 20
    assert [name for name in loaded if not name.startswith((app.url, "data:", "blob:"))] == []
    assert browser.errors() == []


def test_a_face_of_a_group_is_chosen_by_a_click_and_talks_in_the_whole_picture(
    browser: Browser, app: RunningApp, tmp_path: Path
) -> None:
    open_page(browser, app)
    browser.give_file(PICTURE, shared_data("data", "images", "pyfeat_multi_face.jpg"))
    browser.wait_for("5 faces found")
    largest = crop(browser)
    browser.click_at(FACES, 0.37, 0.42)
    until(lambda: crop(browser) != largest)
    keep(browser, "group", tmp_path)
    give_speech(browser)
    browser.click("anger")
    browser.click_at("#make", *MIDDLE)
    browser.wait_for("frames/s", seconds=SLOW_S)
    width, height, length, sound = playing(browser)
    assert (width, height) == (1000, 666), "the photograph's own size, which is even"
    assert length == pytest.approx(2.92, abs=0.1)
    assert sound > 0
    browser.script("HTMLAnchorElement.prototype.click = function () { window.saved = this.href }")
    browser.click_at("#save", *MIDDLE)
    saved = browser.wait_for_script("return window.saved")
    assert saved == browser.script("return document.querySelector('#film video').currentSrc")
    keep(browser, "made", tmp_path)
    assert [line for line in browser.errors() if HARMLESS not in line] == []


def test_a_second_video_stands_in_the_gallery_with_the_first(
    browser: Browser, app: RunningApp, tmp_path: Path
) -> None:
    open_page(browser, app)
    take_example(browser)
    for emotion in ("happiness", "sadness"):
        browser.click(emotion)
        browser.click_at("#make", *MIDDLE)
        browser.wait_for_script("return document.querySelector('#status progress')")
        browser.wait_for("frames/s")
    until(lambda: browser.script("return document.querySelectorAll('#films video').length") == 2)
    shown = keep(browser, "gallery", tmp_path)
    assert shown.size
    before = browser.script("return document.querySelector('#film video').src")
    browser.click_at("#films .gallery-item:nth-child(2) button", *MIDDLE)
    until(lambda: browser.script("return document.querySelector('#film video').src") != before)
    assert playing(browser)[:2] == [256, 256]


def test_all_emotions_stand_side_by_side(browser: Browser, app: RunningApp, tmp_path: Path) -> None:
    open_page(browser, app)
    take_example(browser)
    browser.click("All 6 side by side")
    browser.wait_for_script("return !document.querySelector('#emotion')?.offsetParent")
    browser.click_at("#make", *MIDDLE)
    browser.wait_for("frames/s", seconds=SLOW_S)
    width, height, _, _ = playing(browser)
    assert (width, height > 2 * 256) == (3 * 256, True)
    keep(browser, "panel", tmp_path)


def test_a_time_line_is_built_and_drawn(browser: Browser, app: RunningApp, tmp_path: Path) -> None:
    open_page(browser, app)
    browser.click("Changing over time")
    browser.wait_for_script("return document.querySelectorAll('#strip .strip span').length === 2")
    browser.click("Add")
    browser.wait_for_script("return document.querySelectorAll('#strip .strip span').length === 3")
    value = browser.script(
        "return document.querySelector('#timeline textarea, #timeline input').value"
    )
    assert value == "0=sadness,1.5=happiness,3=happiness"
    keep(browser, "timeline", tmp_path)


def test_what_is_missing_or_unusable_is_said(browser: Browser, app: RunningApp) -> None:
    open_page(browser, app)
    browser.click_at("#make", *MIDDLE)
    browser.wait_for("Choose a picture of a face first.")
    browser.give_file(PICTURE, shared_data("data", "images", "pyfeat_free-mountain-vector-01.jpg"))
    browser.wait_for("No face was found in this picture")


def test_a_video_is_stopped_and_two_people_wait_in_turn(
    browser: Browser,
    app: RunningApp,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    held = [True]

    def slow(request: Any, loaded: Any, *, progress: Any, **more: Any) -> Any:
        while held[0]:
            progress(3, 100)
            time.sleep(0.1)
        return make_video(request, loaded, progress=progress, **more)

    monkeypatch.setattr(video_orders, "make_video", slow)
    with Browser(tmp_path_factory.mktemp("second"), online=False) as second:
        for one in (browser, second):
            open_page(one, app)
            take_example(one)
            one.click_at("#make", *MIDDLE)
            one.wait_for("3 of 100 frames" if one is browser else "Place 1 in the queue")
        keep(second, "waiting", tmp_path)
        browser.click("Stop")
        browser.wait_for("Stopped.")
        second.wait_for("3 of 100 frames")
        held[0] = False
        second.wait_for("frames/s")
        assert playing(second)[0] == 256


def test_a_closed_page_takes_its_order_along(
    browser: Browser, app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []

    def endless(_request: Any, _loaded: Any, *, progress: Any, **_more: Any) -> Any:
        try:
            while True:
                progress(3, 100)
                time.sleep(0.1)
        finally:
            ended.append(True)

    monkeypatch.setattr(video_orders, "make_video", endless)
    open_page(browser, app)
    take_example(browser)
    browser.click_at("#make", *MIDDLE)
    browser.wait_for("3 of 100 frames")
    browser.open("about:blank")
    until(lambda: ended)
