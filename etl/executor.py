"""Define the interface of task executors: a Ray cluster, or in tests this process."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDied(Exception):  # noqa: N818  an outcome, handed to the caller as a value
    """The worker of a task died every time it was tried."""


class Executor(Protocol):
    """Runs a function on many items."""

    @property
    def workers(self) -> int:
        """Return the number of tasks that run at once."""
        ...

    def stream(
        self, function: Callable[..., Result], items: Iterable[Item], *shared: Any
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with the result of `function(item, *shared)`, in any order."""
        ...
