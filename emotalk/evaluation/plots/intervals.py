"""Plot the means and intervals of every figure, a row each for the generated and other videos."""

from textwrap import shorten

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotalk.evaluation.comparison import Quantity
from emotalk.evaluation.figure_names import described_figures, rows_of
from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import BETTER, ROWS, Report, Value
from emotalk.evaluation.results import Results

COLUMNS = 3
COLOURS = {
    "truth": "#222222", "generated": "#33699c", "baseline": "#8a1f5c", "repeat": "#9aa5b1",
    "other_speech": "#cf5b2e", "reencoded": "#6b8e5a",
}  # fmt: skip
LONGEST = 44  # characters of a title


def draw_intervals(report: Report) -> Figure:
    """Return a small plot for each figure: the mean of each row with its 95 % interval."""
    described = described_figures(report)
    rows = rows_of(report)
    lines = -(-len(described) // COLUMNS)
    height = lines * (0.55 + 0.19 * len(rows)) + 0.5
    figure = Figure(figsize=(11, height), layout="constrained")
    places = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axes, (name, quantity) in zip(places, described.items(), strict=False):
        _draw(axes, quantity, report.figures[name], rows)
    for axes in places[len(described) :]:
        axes.set_visible(False)
    for place, axes in enumerate(places):
        axes.set_yticks(range(len(rows)), [ROWS[row] for row in rows] if place % COLUMNS == 0
                        else [""] * len(rows))  # fmt: skip
    return figure


def _draw(axes: Axes, quantity: Quantity, values: dict[str, Value], rows: list[str]) -> None:
    for place, row in enumerate(rows):
        value = values.get(row)
        if value is None or value.mean is None or value.low is None or value.high is None:
            continue
        colour = COLOURS.get(row, "#222222")
        axes.plot([value.low, value.high], [place, place], color=colour, lw=4, alpha=0.35)
        axes.plot([value.mean], [place], "o", color=colour, ms=5)
    title = shorten(quantity.label, LONGEST, placeholder=" ...")
    axes.set_title(f"{title}\nbetter: {BETTER[quantity.better]}", fontsize=8, loc="left")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color="#e4e4e4", lw=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=7, length=2)
    axes.locator_params(axis="x", nbins=5)


def _plot(_results: Results, report: Report) -> Figure | None:
    return draw_intervals(report) if described_figures(report) else None


PLOT = Plot("figures.png", _plot)
