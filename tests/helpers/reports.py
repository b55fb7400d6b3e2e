"""Make reports of an evaluation without running one."""

from typing import Any

from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import Report, Value
from emotalk.metrics.bootstrap import Estimate


def plain_value(mean: float, half: float = 1.0) -> Value:
    """Return a mean of four clips with an interval of `half` to either side."""
    return Value.of(Estimate(mean, mean - half, mean + half, 4, 0, 2))


def plain_report(**changes: Any) -> Report:
    """Return a report of four clips whose every figure is 2 beside a still's 1."""
    tree: dict[str, Any] = {
        "inputs": {},
        "where": {},
        "judges": {},
        "clips": 4,
        "actors": ("a", "b"),
        "condition": "first_frame",
        "figures": {
            name: {"generated": plain_value(2.0), "repeat": plain_value(1.0)}
            for name in quantities()
        },
        "emotion": None,
        "as_reported": None,
        "left_out": {},
        "caveats": (),
        "per_clip": {},
    }
    return Report.model_validate({**tree, **changes})
