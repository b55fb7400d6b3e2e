"""Describe which losses, clips and gradients stopped a training by not being finite."""

from collections.abc import Sequence
from pathlib import Path

from emotalk.training.schedule import Schedule

SHOWN = 8  # names of a list


class NonFiniteTrainingError(ArithmeticError):
    """Raised where a loss or a gradient is NaN or infinite, and training has to stop."""


def describe(
    engine: str, step: int, schedule: Schedule, reports: Sequence[object], before: Path | None
) -> str:
    """Return which terms, clips and parameters are not finite, and where to go on.

    Args:
        engine: whose update was not made.
        step: the steps that are done.
        schedule: the run's.
        reports: each process's (term -> clips, parameters, all its clips).
        before: the newest checkpoint, or None.
    """
    terms: dict[str, list[str]] = {}
    parameters: list[str] = []
    every_clip: list[str] = []
    for report in reports:
        assert isinstance(report, tuple)
        clips_of, names, clips = report
        for term, bad in clips_of.items():
            terms.setdefault(term, []).extend(bad)
        parameters += [name for name in names if name not in parameters]
        every_clip += clips
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
