"""Share work over processes that end together.

Each process computes on one thread. Two threads of one process would save less time than two
processes, wait for each other on a busy machine, and change last digits.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias, TypeVar, cast

from emotalk.data.linked_processes import end_of, give_next, kill_all, set_up_process, spawn
from emotalk.errors import Stopped

Task = TypeVar("Task")
Result = TypeVar("Result")
Start: TypeAlias = Callable[[], Callable[[Task], Result]]


def share(
    start: "Start[Task, Result]", tasks: Sequence[Task], *, processes: int
) -> Iterator[tuple[int, Result]]:
    """Yield (place, result) of every task as processes finish them.

    The processes are spawned, so they share no threads or locks with this one. A script that calls
    this needs `if __name__ == "__main__":`. Whatever ends the iteration ends them: its last result,
    an error, Ctrl-C, the end of this process.

    Args:
        start: called once in each process; returns what does a task there. Tasks, results and
            `start` must be picklable.
        tasks: what to do; they are begun in this order.
        processes: number of processes, at most one for each task is started.

    Raises:
        Stopped: a process died.
        Exception: the first error that `start` or a task raised in a process.
    """
    waiting = iter(enumerate(tasks))
    workers: dict[Connection, BaseProcess] = {}
    doing: dict[Connection, int] = {}
    try:
        for _ in range(min(processes, len(tasks))):
            link, process = spawn(_work, cast("Start[Any, Any]", start))
            workers[link] = process
            give_next(link, waiting, doing)
        while doing:
            for ready in wait(list(doing)):
                link = cast("Connection", ready)
                place = doing.pop(link)
                result = _receive(link, workers[link])
                give_next(link, waiting, doing)
                yield place, result
    finally:
        kill_all(workers)


def _receive(link: Connection, process: BaseProcess) -> Any:
    try:
        result, error = link.recv()
    except (EOFError, ConnectionResetError):
        raise Stopped(
            f"process {process.pid} of the evaluation died ({end_of(process)}); nothing was "
            "written. If the machine has too little memory, run again with fewer --processes"
        ) from None
    if error is not None:
        raise error
    return result


def _work(start: "Start[Any, Any]", link: Connection) -> None:
    """Do the tasks that come through `link`, in a process of its own."""
    set_up_process(threads=1)
    do: Callable[[Any], Any] | None = None
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has ended
        while True:
            task = link.recv()
            answer: tuple[Any, Exception | None]
            try:
                do = do or start()
                answer = (do(task), None)
            except Exception as error:  # noqa: BLE001  raised again in the parent
                error.add_note(traceback.format_exc())  # pickling drops the traceback itself
                answer = (None, error)
            link.send(answer)
