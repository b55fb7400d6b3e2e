"""Define the interface of task executors: a Ray cluster, or in tests this process."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from emotalk.errors import Stopped

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDied(Exception):  # noqa: N818  an outcome, handed to the caller as a value
    """The worker of a task died every time it was tried."""


class NodeUnfit(Stopped):
    """Raised by a task that its node cannot do for a fault of the node's own.

    An executor hands the task to another node, and raises the error where none is left.

    Attributes:
        fault: what is wrong; it names the node.
        remedy: what to do about it, as an order without a full stop.
    """

    def __init__(self, fault: str, remedy: str) -> None:
        """Make the message for a job that cannot go on."""
        self.fault, self.remedy = fault, remedy
        super().__init__(
            f"{fault}; no clip was rejected for it. {remedy} and start again: finished clips are "
            "kept"
        )

    def __reduce__(self) -> tuple[type["NodeUnfit"], tuple[str, str]]:
        """Return how to make the same error in another process."""
        return type(self), (self.fault, self.remedy)


class Executor(Protocol):
    """Runs a function on many items."""

    @property
    def workers(self) -> int:
        """Return the number of tasks that run at once."""
        ...

    def stream(
        self, function: Callable[..., Result], items: Iterable[Item], *shared: Any
    ) -> Iterator[tuple[Item, Result | WorkerDied]]:
        """Yield each item with the result of `function(item, *shared)`, in any order.

        Raises:
            NodeUnfit: no node can do the rest of the items.
        """
        ...
