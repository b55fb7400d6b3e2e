"""The HTML page: everything is in it, everything is escaped, nothing outgrows it."""

from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotalk.evaluation import html_page as module
from emotalk.evaluation.dot_plot import WIDTH, dot_plot
from emotalk.evaluation.html_page import html_page
from emotalk.evaluation.page_video import PageVideo
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Paragraph, Picture, Section, Table
from emotalk.evaluation.report_blocks import sections
from emotalk.evaluation.summary import headlines
from tests.helpers.reports import plain_report, plain_value

HOSTILE = "<script>alert(1)</script>\x1b\"'><img src=http://evil/x.png>"


class Read(HTMLParser):
    """Collects tags with their attributes, and all text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(report: Report, **more: object) -> Read:
    return Read(html_page("T", sections(report), headlines=headlines(report), **more))  # type: ignore[arg-type]


def test_texts_of_others_are_escaped_everywhere() -> None:
    video = PageVideo(HOSTILE, (HOSTILE, "b"), 2, 1.0, b"mp4")
    report = plain_report(
        warnings=(HOSTILE,), caveats=(HOSTILE,), left_out={HOSTILE: HOSTILE}, actors=(HOSTILE,),
        about={HOSTILE: HOSTILE}, faces=HOSTILE, judges={HOSTILE: HOSTILE},
        figures={HOSTILE: {"generated": plain_value(1.0)}}, where={"shards": HOSTILE},
    )  # fmt: skip
    read = page_of(report, videos=[video])
    assert read.all("script") == []
    assert read.all("img") == []
    assert "<script>alert(1)</script>\\x1b" in read.text


def test_nothing_is_loaded_from_elsewhere() -> None:
    read = page_of(plain_report(), videos=[PageVideo("t", ("a",), 1, 1.0, b"mp4")])
    (policy,) = [m["content"] for m in read.all("meta") if "http-equiv" in m]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert all(
        str(video["src"]).startswith("data:video/mp4;base64,") for video in read.all("video")
    )
    assert read.all("link") == []


def test_tables_name_their_rows_and_columns() -> None:
    table = Table(("figure", "word", "value"), [("a", "x", "1.0 [0.5, 1.5]")], "C", ("Note.",))
    read = Read(html_page("T", [Section("S", [table])]))
    assert [th.get("scope") for th in read.all("th")] == ["col", "col", "col", "row"]
    assert [td.get("class") for td in read.all("td")] == [None, "number"]
    assert "Note." in read.text
    assert "1.0 [0.5, 1.5]" in read.text


def test_each_headline_is_a_card_whose_plot_says_in_words_what_it_shows() -> None:
    report = plain_report()
    plots = [svg for svg in page_of(report).all("svg") if svg.get("role") == "img"]
    assert len(plots) == len(headlines(report)) >= 6
    assert any(
        svg["aria-label"]
        == "PSNR face (dB): generated 2.00 [1.00, 3.00], still 1.00 [0.00, 2.00]" for svg in plots
    )  # fmt: skip


def test_marks_of_a_plot_lie_in_it_in_the_order_of_their_values() -> None:
    report = plain_report()
    (headline,) = [one for one in headlines(report) if one.name == "psnr"]
    plot = dot_plot(headline)
    assert [mark.kind for mark in plot.marks] == ["repeat", "generated"]
    still, generated = plot.marks
    assert 0 <= still.low < still.x < generated.x < generated.high <= WIDTH
    assert still.high == pytest.approx(generated.x)
    undefined = headline._replace(
        generated=headline.generated.model_copy(update={"mean": None}), context={}
    )
    assert dot_plot(undefined).marks == ()


def test_what_the_page_has_no_room_for_is_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module.Room.__init__, "__defaults__", (1000,))
    videos = [PageVideo(f"v{n}", ("a",), 1, 1.0, bytes(400)) for n in range(3)]
    read = Read(html_page("T", [], videos=videos))
    assert len(read.all("video")) == 1
    assert "2 videos or pictures are left out" in read.text


def test_pictures_are_in_the_page_and_large_ones_are_compressed(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    cv2.imwrite(str(tmp_path / "plain.png"), np.zeros((8, 8, 3), np.uint8))
    section = Section("S", [Picture("noise.png", "N"), Picture("plain.png", "P"),
                            Picture("absent.png", "A")])  # fmt: skip
    files = {name: tmp_path / name for name in ("noise.png", "plain.png")}
    images = Read(html_page("T", [section], pictures=files)).all("img")
    assert [(i["alt"], str(i["src"])[:22]) for i in images] == [
        ("N", "data:image/jpeg;base64"), ("P", "data:image/png;base64,"),
    ]  # fmt: skip


def test_untitled_sections_and_warnings_stand_before_the_figures() -> None:
    page = html_page("T", [Section("", [Paragraph("mind", is_warning=True)]),
                           Section("S", [Paragraph("later")])]).decode()  # fmt: skip
    assert page.index("mind") < page.index("<main>") < page.index("later")
    assert '<p class="warning" role="note">mind</p>' in page
