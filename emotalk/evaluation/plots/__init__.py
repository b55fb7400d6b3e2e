"""Collect the plots of a report: one module of this package each, with a `PLOT`."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import Report
from emotalk.evaluation.results import Results

DPI = 110


def load_plots() -> tuple[Plot, ...]:
    """Return the plot of every module of this package."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").PLOT for name in names)


PLOTS = load_plots()


def write_plots(folder: Path, results: Results, report: Report) -> list[str]:
    """Write the plots that have something to show, and return their file names."""
    written = []
    for plot in PLOTS:
        figure = plot.draw(results, report)
        if figure is not None:
            figure.savefig(folder / plot.file, dpi=DPI, metadata={"Software": None})
            written.append(plot.file)
    return written
