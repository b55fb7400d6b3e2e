"""The report of a shard set, seen with a browser: wide and narrow, light and dark, on paper.

Set SCREENSHOTS=DIR to keep pictures of the page.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.browser import Browser, missing_browser
from tests.unit.quality_report.test_page import HOSTILE, blurred, make_set, page_bytes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(missing_browser()), reason=missing_browser()),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = make_set(tmp_path_factory.mktemp("set"), rejected=[blurred(HOSTILE), blurred("b.mp4")])
    page_bytes(folder)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def luma(browser: Browser, name: str, folder: Path) -> float:
    """Return the median luma of what the window shows."""
    path = Path(os.environ.get("SCREENSHOTS", folder)) / f"{name}.png"
    browser.screenshot(path)
    shown = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    return float(np.median(shown))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light")])
def test_it_fits_the_window_and_keeps_to_the_scheme(
    browser: Browser, page: str, tmp_path: Path, width: int, scheme: str
) -> None:
    browser.emulate(width=width, height=1000, scheme=scheme)
    browser.open(page)
    browser.wait_for("Why clips were rejected", "Least sharp", "blurred")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    assert (luma(browser, f"report-{width}-{scheme}", tmp_path) > 128) == (scheme == "light")


def test_it_is_white_on_paper_whatever_the_screen_prefers(
    browser: Browser, page: str, tmp_path: Path
) -> None:
    browser.emulate(width=800, height=1000, scheme="dark", media="print")
    browser.open(page)
    browser.wait_for("Why clips were rejected")
    assert luma(browser, "report-print", tmp_path) == 255


def test_it_loads_nothing_and_runs_nothing(browser: Browser, page: str) -> None:
    browser.emulate(width=1280, height=1000, scheme="light")
    browser.open(page)
    browser.wait_for("<script>alert(1)</script>")
    loaded = browser.script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    browser.script("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    shown = browser.wait_for_script(
        "const all = [...document.images]; "
        "return all.every(image => image.complete) && all.map(image => image.naturalWidth)"
    )
    assert len(shown) == 14  # twice six accepted clips, and two rejected ones
    assert all(shown)


def test_every_section_is_reached_from_the_top(browser: Browser, page: str) -> None:
    browser.open(page)
    broken = browser.script(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        ".filter(href => !document.getElementById(href.slice(1)))"
    )
    assert broken == []
