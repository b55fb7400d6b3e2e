"""Write a page as HTML that needs nothing beside it: plots and videos are in the page itself."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup, escape

from emotalk.evaluation.dot_plot import MIDDLE, WIDTH, dot_plot
from emotalk.evaluation.page_video import PageVideo
from emotalk.evaluation.report import BETTER
from emotalk.evaluation.report_block import Bullets, Content, Paragraph, Picture, Section, Table
from emotalk.evaluation.summary import Headline
from emotalk.html_pages.render import data_address, render_page

TEMPLATE = Path(__file__).with_name("page.html")
GENERATOR = "emotalk evaluation"
MOST_BYTES = 5_000_000  # of the page's plots and videos together, encoded
LARGEST_PNG = 150_000  # bytes; larger pictures are embedded as JPEG
JPEG_QUALITY = 85
NUMBER = re.compile(r"[-+]?\d")
INTERVAL = re.compile(r"(\S+) (\[[^\[\]]{3,40}\])")  # as `Value.text` writes it


class Room:
    """Make addresses that hold their data, as long as the page has room for them."""

    def __init__(self, room: int = MOST_BYTES) -> None:
        """Start with room for so many characters of addresses."""
        self._room = room
        self.left_out = 0

    def embed(self, data: bytes, media_type: str) -> str:
        """Return the address; empty, and counted as left out, if there is no room for it."""
        address = data_address(data, media_type)
        if len(address) > self._room:
            self.left_out += 1
            return ""
        self._room -= len(address)
        return address


def html_page(
    title: str,
    sections: Sequence[Section],
    *,
    headlines: Sequence[Headline] = (),
    videos: Sequence[PageVideo] = (),
    pictures: Mapping[str, Path] | None = None,
) -> bytes:
    """Return a page: headline figures as cards, videos, and then the sections.

    Args:
        title: of the page.
        sections: those without a title at their front stand before the headline figures.
        headlines: of a report; see `emotalk.evaluation.summary`.
        videos: they and the pictures get 5 MB; what does not fit is left out, and the page says so.
        pictures: file name of a `Picture` -> the PNG file; others are not shown.
    """
    room = Room()
    shown = [(video, room.embed(video.mp4, "video/mp4")) for video in videos]
    files = {name: room.embed(*_embedded(path)) for name, path in (pictures or {}).items()}
    untitled = [section for section in sections if not section.title]
    content: dict[str, Any] = {
        "generator": GENERATOR,
        "title": title,
        "opening": [part for section in untitled for part in section.content],
        "sections": [section for section in sections if section.title and section.content],
        "cards": [(headline, dot_plot(headline)) for headline in headlines],
        "videos": [pair for pair in shown if pair[1]],
        "pictures": {name: address for name, address in files.items() if address},
        "left_out": room.left_out,
        "better": BETTER,
        "width": WIDTH,
        "middle": MIDDLE,
    }
    filters: dict[str, Callable[..., object]] = {
        "kind": _kind,
        "interval": _with_interval,
        "numeric_columns": _numeric_columns,
    }
    return render_page(TEMPLATE, content, filters=filters)


def _kind(part: Content) -> str:
    """Return the name of the template's macro for a part."""
    kinds = {Paragraph: "paragraph", Table: "table", Bullets: "bullets", Picture: "picture"}
    return kinds[type(part)]


def _numeric_columns(table: Table) -> list[bool]:
    """Return for each column whether it holds numbers; the first one names the rows."""
    columns = zip(*table.rows, strict=True)
    return [
        place > 0 and any(NUMBER.match(cell) for cell in column)
        for place, column in enumerate(columns)
    ] or [False] * len(table.head)


def _with_interval(text: str) -> Markup:
    """Return a cell as markup in which an interval is not broken into lines."""
    found = INTERVAL.fullmatch(text)
    return Markup("{} <i>{}</i>").format(*found.groups()) if found else escape(text)


def _embedded(path: Path) -> tuple[bytes, str]:
    """Return a picture's data for the page, and its media type."""
    data = path.read_bytes()
    if len(data) <= LARGEST_PNG:
        return data, "image/png"
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path}: not a picture")
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes(), "image/jpeg"
