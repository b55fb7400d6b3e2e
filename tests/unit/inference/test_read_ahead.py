import threading
from collections.abc import Iterator

import numpy as np
import pytest

from emotalk.inference.read_ahead import read_ahead
from emotalk.schema import Bytes


def block(value: int) -> Bytes:
    return np.full((1, 1, 1, 3), value, np.uint8)


def test_all_blocks_come_in_their_order() -> None:
    values = [int(made[0, 0, 0, 0]) for made in read_ahead(block(k) for k in range(20))]
    assert values == list(range(20))


def test_the_next_block_is_begun_while_one_is_used() -> None:
    begun = threading.Event()

    def blocks() -> Iterator[Bytes]:
        yield block(0)
        begun.set()
        yield block(1)

    ahead = read_ahead(blocks())
    next(ahead)
    assert begun.wait(10)
    ahead.close()


def test_no_more_than_one_block_waits() -> None:
    made = []

    def blocks() -> Iterator[Bytes]:
        for k in range(10):
            made.append(k)
            yield block(k)

    ahead = read_ahead(blocks())
    next(ahead)
    ahead.close()
    assert len(made) <= 2


def test_an_error_is_raised_where_the_blocks_are_used() -> None:
    def blocks() -> Iterator[Bytes]:
        yield block(0)
        raise ValueError("no more memory")

    ahead = read_ahead(blocks())
    next(ahead)
    with pytest.raises(ValueError, match="no more memory"):
        next(ahead)


def test_no_thread_is_left_when_the_caller_stops() -> None:
    ahead = read_ahead(block(k) for k in range(100))
    next(ahead)
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frames")]
