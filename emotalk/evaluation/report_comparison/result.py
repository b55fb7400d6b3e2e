"""Define the result of comparing two reports, and format it for the terminal."""

from typing import Any

from pydantic import Field
from rich.table import Table

from emotalk.counted import counted
from emotalk.evaluation.report import Part, Value
from emotalk.evaluation.report_comparison.differences import Difference

JSON, MARKDOWN, HTML = "compare.json", "compare.md", "compare.html"
FORMAT = "emotalk-comparison/1"

CAPTION = (
    "±: half of the difference's 95 % interval. B - A of a figure that should be near 1 or near "
    "the true clips': the difference of the distances."
)
VERDICTS = {
    "A": "A is better",
    "B": "B is better",
    "undecided": "undecided",
    "undefined": "undefined",
}


class ReportComparison(Part):
    """The paired comparison of two reports, A and B."""

    format: str = FORMAT
    inputs: dict[str, Any] = Field(default_factory=dict)  # hashes of both reports, and the seed
    where: dict[str, Any] = Field(default_factory=dict)  # paths and time
    clips: int  # that both reports have
    actors: tuple[str, ...]
    only_in_a: tuple[str, ...]  # keys of clips
    only_in_b: tuple[str, ...]
    differences: dict[str, Difference]  # quantity -> difference over the shared clips


def difference_table(comparison: ReportComparison) -> Table:
    """Return the differences of all quantities for a terminal of 80 columns.

    Half the width of an interval stands there in place of both ends, which the page has.
    """
    clips, actors = counted(comparison.clips, "clip"), counted(len(comparison.actors), "actor")
    title = f"{clips} of {actors} in both reports"
    table = Table(
        title=title, title_justify="left", caption=CAPTION, caption_justify="left", padding=(0, 0)
    )
    for heading in ("figure", "A", "B", "B - A", "±", "verdict"):
        words = heading in {"figure", "verdict"}
        table.add_column(heading, justify="left" if words else "right", no_wrap=heading != "figure")
    for found in comparison.differences.values():
        table.add_row(
            found.label,
            mean_text(found.a, found.digits),
            mean_text(found.b, found.digits),
            mean_text(found.difference, found.digits),
            found.difference.half_interval(found.digits),
            VERDICTS[found.verdict],
        )
    return table


def mean_text(value: Value, digits: int) -> str:
    """Return the mean alone: the interval that counts is the difference's."""
    return "undefined" if value.mean is None else f"{value.mean:.{digits}f}"
