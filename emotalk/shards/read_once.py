"""Say who reads what several processes of a machine need: each for itself, or one for all."""

from collections.abc import Callable
from typing import Protocol, TypeVar

Value = TypeVar("Value")


class Once(Protocol):
    """Returns what a function reads; processes that share may let one of them call it."""

    def __call__(self, read: Callable[[], Value], /) -> Value:
        """Return the result of `read`."""
        ...


def read_here(read: Callable[[], Value], /) -> Value:
    """Return the result of `read`, called by this process for itself."""
    return read()
