"""Describe which losses, clips and gradients stopped a training by not being finite."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from emotalk.training.schedule import Schedule

SHOWN = 8  # names of a list


class NonFiniteTrainingError(ArithmeticError):
    """Raised where a loss or a gradient is NaN or infinite, and training has to stop."""


class NonFiniteReport(NamedTuple):
    """Hold what one process found not finite in a refused update.

    Attributes:
        terms: loss term -> clips of this process for which it is not finite.
        parameters: names of parameters with such a gradient, where they are known.
        clips: all clips of this process in the step.
    """

    terms: Mapping[str, Sequence[str]]
    parameters: Sequence[str]
    clips: Sequence[str]


def describe(
    engine: str,
    step: int,
    schedule: Schedule,
    reports: Sequence[NonFiniteReport],
    before: Path | None,
) -> str:
    """Return which terms, clips and parameters are not finite, and where to go on.

    Args:
        engine: name of the network whose update was not made.
        step: number of steps that are done.
        schedule: of the run.
        reports: one of each process.
        before: the newest checkpoint, or None.
    """
    terms: dict[str, list[str]] = {}
    parameters: list[str] = []
    every_clip: list[str] = []
    for report in reports:
        for term, clips in report.terms.items():
            terms.setdefault(term, []).extend(clips)
        parameters += [name for name in report.parameters if name not in parameters]
        every_clip += report.clips
    where = f"step {step + 1} (stage {schedule.plan(step).stage})"
    if terms:
        what = "; ".join(f"{term} of {_some(clips)}" for term, clips in sorted(terms.items()))
        lines = [f"{where}: losses of the {engine} are not finite: {what}"]
    else:
        lines = [f"{where}: every loss is finite, but gradients of the {engine} are not"]
        if parameters:
            lines[0] += f": {_some(parameters)}"
        lines.append(f"clips of the step: {_some(every_clip)}")
    lines.append(f"the update was not made; the newest state before it: {before or 'the start'}")
    lines.append(
        "look at these clips, or begin a new run from there (start_from=...) with lower learning "
        "rates, optim.clip_grad_norm, or runtime.precision=fp32"
    )
    return "\n  ".join(lines)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
