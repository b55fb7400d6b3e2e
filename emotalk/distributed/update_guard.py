"""Keep numbers that are not finite out of weights and moments; wait once a step for the device."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


class NonFiniteGradientError(ArithmeticError):
    """Raised where a gradient is NaN or infinite; its update was not made, nor any after it.

    Gradients are averaged over the processes, so that every process raises it or none does.

    Attributes:
        engine: the network of the update.
        parameters: names of those with such a gradient; empty under ZeRO.
        place: of the update among those of its step, counted from 0.
    """

    def __init__(
        self, message: str, *, engine: str, parameters: Sequence[str] = (), place: int = 0
    ) -> None:
        super().__init__(message)
        self.engine, self.parameters, self.place = engine, tuple(parameters), place


@dataclass
class GradientNorms:
    """Hold the norms of one update's gradients, on the device.

    Attributes:
        engine: the network of the update.
        names: of its parameters with a gradient.
        norms_N: of each of them.
        total: over all of them, a number.
        undo: sets back what a refused update has counted on the host.
    """

    engine: str
    names: Sequence[str]
    norms_N: Tensor
    total: Tensor
    undo: Callable[[], None] = lambda: None


class UpdateGuard:
    """Admit the updates of one step while their gradients are finite.

    The first `deferred` updates are made on the device where their gradients and those of the
    updates before them are finite, and change nothing elsewhere. The next update waits for the
    device and reads the norms of all, before it is made.

    Args:
        deferred: number of updates.
    """

    def __init__(self, deferred: int = 0) -> None:
        self._deferred = deferred
        self._unread: list[GradientNorms] = []
        self.totals: list[float] = []  # norms of the step's updates, as far as they were read

    @property
    def is_read(self) -> bool:
        """Return whether every update so far is known to be made."""
        return not self._unread

    def admit(self, norms: GradientNorms) -> Tensor | None:
        """Return None for an update that may be made, or a truth value on the device.

        Raises:
            NonFiniteGradientError: for this update or an unread one before it.
        """
        self._unread.append(norms)
        totals = torch.stack([unread.total for unread in self._unread])
        if self._deferred > 0:
            self._deferred -= 1
            return totals.isfinite().all()
        self._read(totals.tolist())
        return None

    def _read(self, totals: Sequence[float]) -> None:
        for place, (norms, total) in enumerate(zip(self._unread, totals, strict=True)):
            if not math.isfinite(total):
                for made in self._unread[place:-1]:
                    made.undo()
                finite = norms.norms_N.isfinite().tolist()
                raise NonFiniteGradientError(
                    f"the gradient norm of the {norms.engine} is {total}",
                    engine=norms.engine,
                    parameters=[n for n, f in zip(norms.names, finite, strict=True) if not f],
                    place=len(self.totals) + place,
                )
        self.totals += totals
        self._unread.clear()
