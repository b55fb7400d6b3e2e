"""Define a plot of a report."""

from collections.abc import Callable
from typing import NamedTuple

from matplotlib.figure import Figure

from emotalk.evaluation.report import Report
from emotalk.evaluation.results import Results


class Plot(NamedTuple):
    """A plot of an evaluation: one module of `plots/` with a `PLOT`.

    A `Picture` of a report's block shows it.
    """

    file: str  # `NAME.png`
    draw: Callable[[Results, Report], Figure | None]  # None: there is nothing to show
