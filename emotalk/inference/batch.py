"""Make the videos of a table: what is made already is skipped, a bad row stops nothing."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.faces.on_demand import OnDemandDetector
from emotalk.inference.batch_table import BatchRow
from emotalk.inference.request_mark import mark_of, model_hash, request_mark
from emotalk.inference.talking_video import VideoRequest, make_video
from emotalk.printable import printable

LOG = logging.getLogger("emotalk.generate")


@dataclass(frozen=True)
class Outcome:
    """Hold the end of a row of the table."""

    line: int
    output: str
    state: Literal["made", "skipped", "failed"]
    message: str

    def __str__(self) -> str:
        """Return the outcome as one line."""
        return f"line {self.line}: {self.output}: {self.state}: {self.message}"


class BatchMaker:
    """Make the videos of rows with one loaded generator and one face finder."""

    def __init__(self, loaded: LoadedGenerator) -> None:
        """Take the generator; the face finder is loaded when the first picture needs it."""
        self._loaded = loaded
        self._detector: LandmarkDetector | None = None

    @cached_property
    def _model(self) -> str:
        return model_hash(self._loaded.folder)

    def make(self, row: BatchRow) -> Outcome:
        """Make a row's video, or skip it where its output is there already.

        What is wrong with a row is its outcome. So is an error of the program, whose traceback is
        logged.
        """
        outcome = partial(Outcome, row.line, row.output)
        if row.request is None:
            return outcome("failed", row.fault)
        try:
            return outcome(*self._make(row.request))
        except (WrongUse, OSError) as error:
            return outcome("failed", str(error))
        except Exception as error:
            LOG.exception("line %d", row.line)
            return outcome("failed", f"an error of the program: {type(error).__name__}: {error}")

    def _make(self, request: VideoRequest) -> tuple[Literal["made", "skipped"], str]:
        for file in (request.image, request.audio):
            if not file.is_file():
                raise WrongUse(f"{file}: no such file")
        assert request.output is not None, "every row has one"
        mark = request_mark(request, self._model)
        found = mark_of(request.output) if request.output.is_file() else None
        if found == mark:
            return "skipped", "made before, from the same files and settings"
        if found is not None and not request.overwrite:
            raise WrongUse(
                f"{request.output}: made before from other files or settings; choose another name "
                "or add --overwrite"
            )
        if self._detector is None and request.landmarks is not None:
            self._detector = OnDemandDetector(request.landmarks)
        marked = replace(request, mark=mark)
        return "made", str(make_video(marked, self._loaded, detector=self._detector))


def summary(table: Path, outcomes: Sequence[Outcome]) -> str:
    """Return the counts, and the lines and outputs of the rows that failed."""
    count = dict.fromkeys(("made", "skipped", "failed"), 0)
    for outcome in outcomes:
        count[outcome.state] += 1
    head = (
        f"{table}: {counted(len(outcomes), 'row')}: {count['made']} made, "
        f"{count['skipped']} made before, {count['failed']} failed"
    )
    failed = [
        f"line {outcome.line} ({printable(outcome.output)})"
        for outcome in sorted(outcomes, key=lambda outcome: outcome.line)
        if outcome.state == "failed"
    ]
    return f"{head}: {', '.join(failed)}" if failed else head


@contextmanager
def notes_once() -> Iterator[None]:
    """Log a note that is the same for many rows once."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        new = text not in said
        said.add(text)
        return new

    LOG.addFilter(is_new)
    try:
        yield
    finally:
        LOG.removeFilter(is_new)


def run_here(
    rows: Sequence[BatchRow], loaded: LoadedGenerator, show: Callable[[Outcome], None]
) -> list[Outcome]:
    """Make the videos one after the other in this process; `show` gets each outcome at once."""
    maker = BatchMaker(loaded)
    outcomes = []
    with notes_once():
        for row in rows:
            outcomes.append(maker.make(row))
            show(outcomes[-1])
    return outcomes
