"""Write a page as Markdown that fits a terminal of 80 columns."""

import re
from collections.abc import Collection, Iterator, Sequence
from textwrap import wrap

from emotalk.evaluation.report_block import Bullets, Content, Paragraph, Picture, Section, Table
from emotalk.printable import printable

WIDTH = 80
LONGEST = 2000  # characters of a text
MARKUP = re.compile(r"[|<`*]|(?<=\])\(")
# What would begin a list, a heading, a quotation or a table at the start of a line.
LINE_START = re.compile(r"^(\d+)(?=[.)](\s|$))|^(?=[-+#>=~](\s|$|[-+#>=~]))")


def markdown_page(title: str, sections: Sequence[Section], pictures: Collection[str] = ()) -> str:
    """Return a page of sections; of their pictures, those named in `pictures` are shown."""
    parts = [f"# {escaped(title)}"]
    for section in sections:
        shown = [_render(part) for part in section.content if _is_shown(part, pictures)]
        if shown:
            parts += [f"## {escaped(section.title)}"] if section.title else []
            parts += shown
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Return text on one line in which nothing is markup."""
    return MARKUP.sub(lambda found: f"\\{found.group()}", printable(text, longest=LONGEST))


def _is_shown(part: Content, pictures: Collection[str]) -> bool:
    return not isinstance(part, Picture) or part.file in pictures


def _render(part: Content) -> str:
    match part:
        case Paragraph():
            return _wrapped(f"**{escaped(part.text)}**" if part.is_warning else escaped(part.text))
        case Bullets():
            return "\n".join(_bullet(escaped(line)) for line in part.lines)
        case Picture():
            lines = [_wrapped(f"![{escaped(part.alt)}]({part.file})")]
            return "\n\n".join([*lines, *([_wrapped(escaped(part.caption))] * bool(part.caption))])
        case Table():
            return "\n\n".join([*([_wrapped(escaped(part.caption))] * bool(part.caption)),
                                _table(part)])  # fmt: skip


def _table(table: Table) -> str:
    """Return the table, or a list of its rows where it is wider than the page."""
    rows = [[escaped(cell) for cell in row] for row in (table.head, *table.rows)]
    notes = [escaped(note) for note in table.notes or [""] * len(table.rows)]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    if any(notes) or sum(widths) + 3 * len(widths) + 1 > WIDTH:
        records = zip(rows[1:], notes, strict=True)
        return "\n".join(_record(rows[0], row, note) for row, note in records)
    head, *body = [_line(row, widths) for row in rows]
    rule = "|".join(["-" * (width + 2) if not place else "-" * (width + 1) + ":"
                     for place, width in enumerate(widths)])  # fmt: skip
    return "\n".join([head, f"|{rule}|", *body])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return f"| {' | '.join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)])} |"


def _record(head: Sequence[str], row: Sequence[str], note: str) -> str:
    """Return a row as a list of its cells below its name and note, without empty cells."""
    cells = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip(head[1:], row[1:], strict=True)
        if cell
    ]
    lines = _lines(f"**{row[0]}**{f': {note}' if note else ''}", "- ", "  ")
    return "\n".join([*lines, *(line for cell in cells for line in _lines(cell, "  - ", "    "))])


def _bullet(text: str) -> str:
    return "\n".join(_lines(text, "- ", "  "))


def _wrapped(text: str) -> str:
    return "\n".join(_lines(text, "", ""))


def _lines(text: str, first: str, later: str) -> Iterator[str]:
    """Yield lines of the page's width, none of which begins with something that is markup."""
    width = WIDTH - len(later) - 1  # one for a backslash
    for number, line in enumerate(wrap(text, width, break_on_hyphens=False)):
        start = LINE_START.sub(lambda found: f"{found.group(1) or ''}\\", line, count=1)
        yield (later if number else first) + start
