"""Share a batch over processes; one that dies costs its row alone."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import torch

from emotalk.checkpoints.load import DeviceName, load_generator
from emotalk.data.linked_processes import end_of, give_next, kill_all, set_up_process, spawn
from emotalk.inference.batch import BatchMaker, Outcome, notes_once
from emotalk.inference.batch_table import BatchRow
from emotalk.logging_setup import set_up_logging
from emotalk.usable_cores import usable_cores


@dataclass(frozen=True)
class ModelPlace:
    """Hold the model and the devices of the processes."""

    checkpoint: Path
    device: DeviceName


def run_shared(
    rows: Sequence[BatchRow],
    model: ModelPlace,
    show: Callable[[Outcome], None],
    *,
    processes: int,
) -> list[Outcome]:
    """Make the videos in several processes; `show` gets each outcome at once.

    The processes are spawned and share the cores. With CUDA they take the devices in turn. A
    process that dies is replaced.

    Args:
        rows: of the table; they are begun in this order.
        model: loaded once in every process.
        show: called with every outcome.
        processes: how many, at most one for each row.
    """
    waiting = ((row, row) for row in rows)
    workers: dict[Connection, BaseProcess] = {}
    places: dict[Connection, int] = {}
    doing: dict[Connection, BatchRow] = {}
    outcomes: list[Outcome] = []
    count = min(processes, len(rows))

    def start(place: int) -> None:
        link, workers_process = spawn(_work, model, place, count)
        workers[link], places[link] = workers_process, place
        give_next(link, waiting, doing)

    try:
        for place in range(count):
            start(place)
        while doing:
            for ready in wait(list(doing)):
                link = cast("Connection", ready)
                row = doing.pop(link)
                try:
                    outcome = cast("Outcome", link.recv())
                    give_next(link, waiting, doing)
                except (EOFError, ConnectionResetError):
                    outcome = _died(row, workers.pop(link))
                    link.close()
                    start(places.pop(link))
                outcomes.append(outcome)
                show(outcome)
    finally:
        kill_all(workers)
    return outcomes


def _died(row: BatchRow, process: BaseProcess) -> Outcome:
    how = end_of(process).removeprefix("signal ")
    return Outcome(
        row.line,
        row.output,
        "failed",
        f"the process that made it died ({how}); if the machine has too little memory, run again "
        "with fewer --processes",
    )


def _work(model: ModelPlace, place: int, count: int, link: Connection) -> None:
    """Make the rows that come through `link`, in a process of its own."""
    set_up_process(threads=max(1, usable_cores() // count))
    maker = BatchMaker(load_generator(model.checkpoint, device=_device(model.device, place)))
    set_up_logging()
    ended = suppress(EOFError, BrokenPipeError, ConnectionResetError)  # the parent has ended
    with ended, notes_once():
        while True:
            link.send(maker.make(link.recv()))


def _device(name: DeviceName, place: int) -> DeviceName | torch.device:
    """Return the device of a process: with CUDA they take turns."""
    if name == "cpu" or not torch.cuda.is_available():
        return name
    return torch.device("cuda", place % torch.cuda.device_count())
