"""The page of an evaluation, seen with a browser: its videos play, wide and narrow, light and dark.

Set SCREENSHOTS=DIR to keep pictures of the page.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotalk.evaluation.output import write_report
from emotalk.evaluation.page_video import side_by_side
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME
from tests.helpers.browser import Browser, missing_browser
from tests.helpers.evaluation_clips import noise_frames
from tests.helpers.reports import plain_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(missing_browser()), reason=missing_browser()),
]

HOSTILE = "<script>document.title = 'taken'</script>" + "long_" * 40
FRAMES = 50


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    cv2.imwrite(str(folder / "mouth.png"), np.zeros((600, 1100, 3), np.uint8))
    t = np.arange(FRAMES * SAMPLES_PER_FRAME) / SAMPLE_RATE
    audio_S = (0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)
    parts = {name: noise_frames(n, FRAMES) for n, name in enumerate("abcdef")}
    videos = [
        side_by_side(f"best: {HOSTILE}", dict(list(parts.items())[:2]), audio_S),
        side_by_side("with a baseline", dict(list(parts.items())[:3]), audio_S),
        side_by_side("six emotions", parts, audio_S),
    ]
    report = plain_report(warnings=("Mind this.",), caveats=(HOSTILE,), faces=HOSTILE)
    write_report(folder, report, ["mouth.png"], videos)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light"), (380, "dark")]
)
def test_it_fits_the_window_and_keeps_to_the_scheme(
    browser: Browser, page: str, tmp_path: Path, width: int, scheme: str
) -> None:
    browser.emulate(width=width, height=1000, scheme=scheme)
    browser.open(page)
    browser.wait_for("Headline figures", "Mind this.", "Figures", "Caveats")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    path = Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"evaluation-{width}-{scheme}.png"
    browser.screenshot(path)
    shown = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert (float(np.median(shown)) > 128) == (scheme == "light")


def test_every_video_plays_with_sound_and_its_controls_hide_no_mouth(
    browser: Browser, page: str
) -> None:
    browser.emulate(width=1280, height=1000, scheme="light")
    browser.open(page)
    browser.script("document.querySelectorAll('video').forEach(v => { v.muted = true; v.play(); })")
    playing = browser.wait_for_script(
        "const all = [...document.querySelectorAll('video')]; "
        "return all.every(v => v.currentTime > 0.2) && all.map(v => "
        "[v.videoWidth, v.videoHeight, v.duration, v.webkitAudioDecodedByteCount, "
        "v.clientHeight - v.clientWidth * v.videoHeight / v.videoWidth])"
    )
    assert [video[:2] for video in playing] == [[256, 128], [384, 128], [384, 256]]
    assert all(abs(video[2] - FRAMES / 25) < 0.2 for video in playing)
    assert all(video[3] > 0 for video in playing), "no sound"
    assert all(abs(video[4] - 64) < 2 for video in playing), "the controls stand below the picture"


def test_it_loads_nothing_runs_nothing_and_breaks_no_rule(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.wait_for("Headline figures", "<script>document.title")
    assert browser.script("return document.title") == "Evaluation"
    loaded = browser.script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert browser.errors() == []


def test_every_section_is_reached_from_the_top_and_every_picture_has_words(
    browser: Browser, page: str
) -> None:
    browser.open(page)
    broken = browser.script(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        ".filter(href => !document.getElementById(href.slice(1)))"
    )
    assert broken == []
    wordless = browser.script(
        'return [...document.querySelectorAll(\'img:not([alt]), img[alt=""], '
        "video:not([aria-label]), svg:not([aria-label]):not([aria-hidden])')].length"
    )
    assert wordless == 0
