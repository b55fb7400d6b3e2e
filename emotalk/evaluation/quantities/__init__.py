"""Collect the metrics of an evaluation.

Each metric is one module of this package with a `METRIC`. Reports list them in the order of the
modules' names.
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from emotalk.evaluation.comparison import Comparison, Metric, Quantity


def load_metrics() -> tuple[Metric, ...]:
    """Return the metric of every module of this package."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").METRIC for name in names)


METRICS = load_metrics()


def quantities() -> dict[str, Quantity]:
    """Return name -> description of every quantity."""
    return {name: quantity for metric in METRICS for name, quantity in metric.quantities.items()}


def measure(comparison: Comparison, metrics: Sequence[Metric]) -> dict[str, float]:
    """Return name -> value of every quantity of `metrics`; NaN if it is undefined."""
    return measure_together([comparison], metrics)[0]


def measure_together(
    comparisons: Sequence[Comparison], metrics: Sequence[Metric]
) -> list[dict[str, float]]:
    """Return the values of every quantity for each comparison; those of one clip come in a row."""
    figures: list[dict[str, float]] = [{} for _ in comparisons]
    for metric in metrics:
        if metric.measure_together is None:
            measured = [metric.measure(comparison) for comparison in comparisons]
        else:
            measured = metric.measure_together(comparisons)
        for values, found in zip(figures, measured, strict=True):
            values.update(found)
    return figures
