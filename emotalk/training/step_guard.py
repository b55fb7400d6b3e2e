"""Guard the updates of a step against losses and gradients that are not finite."""

from collections.abc import Mapping, Sequence

from emotalk.distributed import NonFiniteGradientError, UpdateGuard
from emotalk.losses.combine import not_finite
from emotalk.training.critics.critic import Terms


class NonFiniteUpdateError(ArithmeticError):
    """Raised instead of an update whose losses or gradients are NaN or infinite.

    Every process raises it for the same update, each naming its own clips. It may come from a later
    update of the same step, which is not made either.

    Attributes:
        engine: the network of the update.
        clips: term -> this process's clips for which it is not finite.
        parameters: names of those with such a gradient, if the engine knows them.
        place: of the update among those of its step, counted from 0.
    """

    def __init__(self, error: NonFiniteGradientError, clips: Mapping[str, Sequence[str]]) -> None:
        super().__init__(f"the update of the {error.engine} is not finite")
        self.engine, self.clips = error.engine, dict(clips)
        self.parameters, self.place = error.parameters, error.place


class StepGuard(UpdateGuard):
    """Guard the updates of one step, and name the clips of one that is refused."""

    def __init__(self, deferred: int = 0) -> None:
        """Defer the check of the first updates to the next one."""
        super().__init__(deferred)
        self._seen: list[Sequence[tuple[Terms, tuple[str, ...]]]] = []

    def add(self, seen: Sequence[tuple[Terms, tuple[str, ...]]]) -> None:
        """Add an update's terms and keys of each micro-batch."""
        self._seen.append(seen)

    def not_finite_clips(self, place: int) -> dict[str, list[str]]:
        """Return term -> clips for which it is not finite, of one of the updates."""
        clips: dict[str, list[str]] = {}
        for values, keys in self._seen[place]:
            for name, places in not_finite(values).items():
                clips.setdefault(name, []).extend(keys[bad] for bad in places)
        return clips
