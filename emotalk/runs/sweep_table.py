"""Compare the runs of a sweep by a figure that each has logged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from emotalk.errors import WrongUse
from emotalk.files.small_files import UnfitFile, parse_json, read_small
from emotalk.printable import printable
from emotalk.runs.status import STATUS
from emotalk.runs.sweep_values import SweepRun
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import Line, read_lines

HIGHER, LOWER = ("psnr", "ssim"), ("nlmd",)  # the validation's figures, by what is better
AT_ONCE = 10_000  # values of `metrics.jsonl`
LARGEST = 2**20  # bytes of a status
ENDED = ("done", "failed", "wrong_use")


@dataclass(frozen=True)
class Goal:
    """The figure that decides, and whether the highest or the lowest is best."""

    metric: str
    highest: bool

    def better(self, one: float, other: float) -> bool:
        """Return whether `one` is better than `other`."""
        return one > other if self.highest else one < other

    def __str__(self) -> str:
        """Return the goal as `SWEEP_METRIC` takes it."""
        return f"{'max' if self.highest else 'min'}:{self.metric}"


@dataclass(frozen=True)
class Row:
    """Hold the end of one run.

    Attributes:
        run: its name and words.
        state: as in `status.json`; `waits` if it has none.
        step: the last step that it logged; None without one.
        best: the best finite value of the figure, and `best_step`, where it was logged; None
            without one.
    """

    run: SweepRun
    state: str
    step: int | None = None
    best: float | None = None
    best_step: int | None = None


def parse_goal(text: str) -> Goal:
    """Return the goal of `METRIC`, `max:METRIC` or `min:METRIC`.

    Raises:
        WrongUse: no direction is given for a figure whose better direction is not known here.
    """
    direction, colon, metric = text.partition(":")
    if colon and direction in ("max", "min") and metric:
        return Goal(metric, direction == "max")
    figure = text.removeprefix("validation/")
    if figure != text and figure.startswith((*HIGHER, *LOWER)):
        return Goal(text, figure.startswith(HIGHER))
    raise WrongUse(f"SWEEP_METRIC={text}: write max:METRIC or min:METRIC, METRIC as in {METRICS}")


def read_rows(folder: Path, runs: Sequence[SweepRun], goal: Goal) -> list[Row]:
    """Return a row of each run, in their order, from the run folders below `folder`."""
    return [_row(folder / run.name, run, goal) for run in runs]


def best_row(rows: Sequence[Row], goal: Goal) -> Row | None:
    """Return the row with the best value, the first of equal ones; None if no run has one."""
    best: Row | None = None
    for row in rows:
        if row.best is None:
            continue
        if best is None or best.best is None or goal.better(row.best, best.best):
            best = row
    return best


def have_all_ended(rows: Sequence[Row]) -> bool:
    """Return whether no run waits, runs or is to go on."""
    return all(row.state in ENDED for row in rows)


def table_lines(rows: Sequence[Row], goal: Goal) -> Iterator[str]:
    """Yield the lines of a Markdown table, its columns aligned, and one that names the best run."""
    head = ("run", "state", "step", f"{goal} (step)")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for number, line in enumerate(cells):
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    yield ""
    best = best_row(rows, goal)
    if best is None:
        yield f"best: none yet; no run has logged {goal.metric}"
    else:
        yield f"best: {best.run.name}, {goal.metric} {best.best:.6g} at step {best.best_step}"
    if not have_all_ended(rows):
        left = sum(row.state not in ENDED for row in rows)
        yield f"{left} of {len(rows)} runs have not ended yet"


def _cells(row: Row) -> tuple[str, ...]:
    value = "-" if row.best is None else f"{row.best:.6g} ({row.best_step})"
    return row.run.name, row.state, "-" if row.step is None else str(row.step), value


def _row(run_dir: Path, run: SweepRun, goal: Goal) -> Row:
    last, best, best_step, position = None, None, None, 0
    while True:
        lines, position = read_lines(run_dir / METRICS, position, AT_ONCE)
        if not lines:
            return Row(run, _state(run_dir), last, best, best_step)
        for line in lines:
            step = line.get("step")
            if not isinstance(step, int):
                continue
            last = step
            value = _number(line, goal.metric)
            if value is not None and (best is None or goal.better(value, best)):
                best, best_step = value, step


def _number(line: Line, name: str) -> float | None:
    value: Any = line.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None


def _state(run_dir: Path) -> str:
    try:
        status = parse_json(read_small(run_dir / STATUS, max_bytes=LARGEST))
        return printable(str(status["state"]))
    except FileNotFoundError:
        return "waits"
    except (OSError, UnfitFile, ValueError, KeyError, TypeError):
        return "unknown"
