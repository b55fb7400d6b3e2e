"""Lay out a small plot of a headline figure between its floors and its ceiling."""

from typing import NamedTuple

from emotalk.evaluation.report import ROWS, Value
from emotalk.evaluation.summary import HEADINGS, Headline

WIDTH, MIDDLE = 240.0, 16.0
MARGIN = 10.0
LONG_NAMES = {"ceiling": "ceiling", **HEADINGS, "other_speech": "other speech"}


class Mark(NamedTuple):
    """A value of the plot."""

    kind: str  # generated, ceiling or a row of the context
    name: str  # as it is called beside the plot
    text: str  # the mean and its interval
    mean: str
    x: float
    low: float  # ends of the interval
    high: float


class DotPlot(NamedTuple):
    """A plot of marks on one line, those behind first."""

    marks: tuple[Mark, ...]
    summary: str  # of all that it shows, in words


def dot_plot(headline: Headline) -> DotPlot:
    """Return the plot of a headline's values; values that are undefined are not in it."""
    values: dict[str, Value] = dict(headline.context)
    if headline.ceiling is not None:
        values["ceiling"] = headline.ceiling
    values["generated"] = headline.generated
    ends = {kind: ends for kind, value in values.items() if (ends := _ends(value)) is not None}
    if not ends:
        return DotPlot((), f"{headline.short}: undefined")
    low, high = min(e[1] for e in ends.values()), max(e[2] for e in ends.values())
    scale = (WIDTH - 2 * MARGIN) / (high - low) if high > low else 0.0
    marks = []
    for kind, numbers in ends.items():
        mean, first, last = (round(MARGIN + (number - low) * scale, 1) for number in numbers)
        name = LONG_NAMES.get(kind, ROWS.get(kind, kind))
        text = values[kind].text(headline.digits)
        marks.append(Mark(kind, name, text, headline.mean(values[kind]), mean, first, last))
    words = ", ".join(f"{mark.name} {mark.text}" for mark in reversed(marks))
    return DotPlot(tuple(marks), f"{headline.short}: {words}")


def _ends(value: Value) -> tuple[float, float, float] | None:
    """Return the mean and the ends of its interval."""
    if value.mean is None or value.low is None or value.high is None:
        return None
    return value.mean, value.low, value.high
