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
    return {name: value for metric in metrics for name, value in metric.measure(comparison).items()}
