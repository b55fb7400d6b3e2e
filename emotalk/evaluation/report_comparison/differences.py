"""Compute the paired differences of two reports, clip by clip."""

import math
from collections.abc import Sequence
from typing import Literal

from emotalk.evaluation.closure_limit import OF_THE_SET
from emotalk.evaluation.comparison import Direction, Quantity
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import Part, Report, Value
from emotalk.evaluation.report_comparison.same_measure import actor_of
from emotalk.metrics.bootstrap import bootstrap_over_actors

Verdict = Literal["A", "B", "undecided", "undefined"]

FEWEST = 6
"""Actors, or clips of one actor, for a verdict: five alike are chance once in 16 times."""

COMPARED: dict[Direction, str] = {
    "higher": "the value",
    "lower": "the value",
    "near_1": "its distance from 1",
    "near_truth": "its distance from the true clip's value",
}


class Difference(Part):
    """The difference of one quantity between the generated videos of two reports."""

    label: str  # with the unit
    better: Direction
    digits: int  # after the point
    a: Value  # over the clips in which both have a value
    b: Value
    compared: str  # one of `COMPARED`
    difference: Value  # mean over clips of B minus A of what is compared, with its interval
    b_better: int  # clips in which B is better
    verdict: Verdict  # the better one; undecided where the interval holds 0, or of fewer than six


def paired_differences(
    a: Report, b: Report, keys: Sequence[str], *, seed: int
) -> dict[str, Difference]:
    """Return quantity -> its difference over the clips `keys`, for quantities that both have.

    A figure that depends on the other clips of an evaluation is left out where the clips differ.
    """
    left_out = OF_THE_SET if a.per_clip.keys() != b.per_clip.keys() else frozenset()
    found: dict[str, Difference] = {}
    for name, quantity in quantities().items():
        if name in left_out:
            continue
        rows = [(key, _value(a, key, name), _value(b, key, name)) for key in keys]
        if any(name in report.per_clip[key]["generated"] for report in (a, b) for key in keys):
            found[name] = _difference(a, name, quantity, rows, seed)
    return found


def _difference(
    a: Report,
    name: str,
    quantity: Quantity,
    rows: Sequence[tuple[str, float, float]],
    seed: int,
) -> Difference:
    nan = float("nan")
    actors = [actor_of(a, key) for key, _, _ in rows]
    targets = [_target(a, key, name, quantity.better) for key, _, _ in rows]
    pairs = [
        (first, second, second - first)
        if target is None
        else (first, second, abs(second - target) - abs(first - target))
        for (_, first, second), target in zip(rows, targets, strict=True)
    ]
    whole = [row if math.isfinite(row[2]) else (nan, nan, nan) for row in pairs]
    mean = [
        Value.of(bootstrap_over_actors([row[place] for row in whole], actors, seed=seed))
        for place in range(3)
    ]
    sign = 1 if quantity.better == "higher" else -1
    return Difference(
        label=quantity.label,
        better=quantity.better,
        digits=quantity.digits,
        a=mean[0],
        b=mean[1],
        compared=COMPARED[quantity.better],
        difference=mean[2],
        b_better=sum(sign * d > 0 for _, _, d in whole),
        verdict=_verdict(mean[2], sign),
    )


def _value(report: Report, key: str, name: str, row: str = "generated") -> float:
    value = report.per_clip[key].get(row, {}).get(name)
    return float(value) if isinstance(value, float) else float("nan")


def _target(report: Report, key: str, name: str, better: Direction) -> float | None:
    """Return the value that is best, None where there is no best one."""
    if better == "near_1":
        return 1.0
    return _value(report, key, name, "truth") if better == "near_truth" else None


def _verdict(difference: Value, sign: int) -> Verdict:
    low, high = difference.low, difference.high
    if low is None or high is None:
        return "undefined"
    units = difference.actors if difference.over == "actors" else difference.clips
    if units >= FEWEST and (low > 0 or high < 0):
        return "B" if sign * (low + high) > 0 else "A"
    return "undecided"
