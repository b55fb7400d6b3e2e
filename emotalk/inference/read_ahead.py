"""Compute the next block of a video in a thread while the last one is encoded."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from emotalk.schema import Bytes


def read_ahead(blocks: Iterator[Bytes]) -> Generator[Bytes, None, None]:
    """Yield the same blocks, each begun before the one before it is used.

    The network and the encoder release Python's lock, so two cores work at once. An exception of
    `blocks` is raised here. If the caller stops early, the block in work is finished and dropped.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frames") as pool:
        ahead = pool.submit(next, blocks, None)
        while (block_THWC := ahead.result()) is not None:
            ahead = pool.submit(next, blocks, None)
            yield block_THWC
