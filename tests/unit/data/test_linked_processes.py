"""A linked process does what it is sent, tells how it ended, and is gone when it is killed."""

import os
import signal
import sys
from multiprocessing.connection import Connection

import pytest

from emotalk.data.linked_processes import end_of, give_next, kill_all, spawn


def double(factor: int, link: Connection) -> None:
    """Answer each number until one is negative."""
    while (number := link.recv()) >= 0:
        link.send(factor * number)
    if number == -1:
        sys.exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def test_tasks_go_to_the_process_in_their_order_with_their_keys() -> None:
    link, process = spawn(double, 10)
    waiting = iter([("first", 1), ("second", 2)])
    doing: dict[Connection, str] = {}
    try:
        for key, answer in (("first", 10), ("second", 20)):
            give_next(link, waiting, doing)
            assert doing.pop(link) == key
            assert link.recv() == answer
        give_next(link, waiting, doing)
        assert doing == {}
    finally:
        kill_all({link: process})
    assert not process.is_alive()
    assert link.closed


@pytest.mark.parametrize(("word", "end"), [(-1, "exit code 3"), (-2, "signal SIGKILL")])
def test_the_end_of_a_process_is_told_by_code_or_signal(word: int, end: str) -> None:
    link, process = spawn(double, 1)
    link.send(word)
    with pytest.raises(EOFError):
        link.recv()
    assert end_of(process) == end
    link.close()
