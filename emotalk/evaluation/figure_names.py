"""Describe the figures of a report, those of other versions included, in the order of the page."""

from emotalk.evaluation.comparison import Quantity
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import ROWS, Report

UNKNOWN_DIGITS = 4


def described_figures(report: Report) -> dict[str, Quantity]:
    """Return name -> description of the report's figures.

    A figure of another version, which this one does not know, is described by its name alone.
    """
    known = quantities()
    names = [*(name for name in known if name in report.figures), *(report.figures.keys() - known)]
    return {
        name: known.get(name, Quantity(name, "near_truth", UNKNOWN_DIGITS))
        for name in names
        if report.figures[name]
    }


def rows_of(report: Report) -> list[str]:
    """Return the names of the rows that some figure has, in the order of `ROWS`."""
    return [row for row in ROWS if any(row in values for values in report.figures.values())]
