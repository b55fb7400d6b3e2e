"""Start processes that do tasks sent through a link and end with the one that started them."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import cv2
import torch

from emotalk.data.workers import end_with_parent

Key = TypeVar("Key")
Task = TypeVar("Task")

JOIN_S = 5.0


def spawn(target: Callable[..., None], *arguments: Any) -> tuple[Connection, BaseProcess]:
    """Return a link and the process at its other end, which runs `target(*arguments, link)`.

    It shares no threads or locks with this one; `target` and its arguments must be picklable.
    """
    context = multiprocessing.get_context("spawn")
    link, far_end = context.Pipe()
    process = context.Process(target=target, args=(*arguments, far_end), daemon=True)
    process.start()
    far_end.close()  # so that the link ends with the process
    return link, process


def set_up_process(*, threads: int) -> None:
    """Let this spawned process end with its parent, leave Ctrl-C to it, and limit its threads."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends this one
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)


def give_next(
    link: Connection, waiting: Iterator[tuple[Key, Task]], doing: dict[Connection, Key]
) -> None:
    """Send the next task, if there is one, to a process that waits; `doing` gets its key."""
    for key, task in waiting:
        doing[link] = key
        with suppress(BrokenPipeError):  # the process died; receiving from it says so
            link.send(task)
        return


def end_of(process: BaseProcess) -> str:
    """Return how a process ended, as `exit code 1` or `signal SIGKILL`; wait a moment for it."""
    process.join(JOIN_S)
    code = process.exitcode
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name}"


def kill_all(workers: Mapping[Connection, BaseProcess]) -> None:
    """End all processes, whatever they do."""
    for process in workers.values():
        process.kill()
    for link, process in workers.items():
        process.join(JOIN_S)
        link.close()
