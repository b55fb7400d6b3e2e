"""Define the parts of a report's page, which Markdown and HTML render from the same data."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from emotalk.evaluation.report import Report


class Paragraph(NamedTuple):
    """Plain text; every character is shown as it is."""

    text: str
    is_warning: bool = False


class Table(NamedTuple):
    """A table of plain text whose first column names its rows.

    Markdown shows a table with notes, or one that is wider than its page, as a list, a row each.
    """

    head: tuple[str, ...]  # empty first heading: the rows need none
    rows: Sequence[tuple[str, ...]]  # as many cells as headings
    caption: str = ""
    notes: Sequence[str] = ()  # what each row means; empty: nothing


class Bullets(NamedTuple):
    """A list of plain texts."""

    lines: Sequence[str]


class Picture(NamedTuple):
    """A plot; left out where the file was not drawn."""

    file: str  # its name in the report's folder, see `Plot.file`
    alt: str  # what it shows, for who cannot see it
    caption: str = ""


Content = Paragraph | Table | Bullets | Picture


class Section(NamedTuple):
    """A part of a page."""

    title: str  # empty: without a heading
    content: Sequence[Content]


class Block(NamedTuple):
    """A part of the report of an evaluation: one module of `report_blocks/` with a `BLOCK`."""

    order: int  # blocks stand in rising order
    title: str  # empty: without a heading
    content: Callable[[Report], Sequence[Content]]  # empty: the report has no such part


def section_of(block: Block, report: Report) -> Section:
    """Return a block's part of the page."""
    return Section(block.title, tuple(block.content(report)))
