"""Update the generator or the discriminators once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from emotalk.config.stages import UpdateConfig
from emotalk.distributed import Engine, NonFiniteGradientError, UpdateGuard
from emotalk.losses.combine import (
    nan_unless_finite,
    not_finite,
    weighted_sum,
    with_zero_gradients,
)
from emotalk.training.critics.critic import Terms
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import GENERATOR, Networks
from emotalk.training.objective import (
    discriminate,
    discriminator_terms,
    generator_terms,
    reads_heads_only,
    terms_of_emotion,
    unused_discriminator_outputs,
    unused_generator_outputs,
)


def generator_step(
    micro_batches: Sequence[ClipInputs],
    networks: Networks,
    update: UpdateConfig,
    mean: "GlobalMean",
    lr: float,
    guard: "StepGuard | None" = None,
) -> "StepReport":
    """Update the generator once against frozen discriminators (report eq. 4.1)."""
    step = _Step(networks.generator, update, mean)
    with networks.frozen_discriminators() as discriminators:
        for x, last in _with_last(micro_batches):
            with networks.generator.micro_batch(last=last):
                generated = networks.generate(
                    x, networks.generator, heads_only=reads_heads_only(update.losses)
                )
                terms = generator_terms(x, generated, networks, discriminators, update.losses)
                unused = unused_generator_outputs(generated, update.trained)
                step.backward(terms, x, unused=unused, last=last)
    return step.finish(lr, guard, parts={GENERATOR, *update.trained})


def discriminator_step(
    micro_batches: Sequence[ClipInputs],
    networks: Networks,
    update: UpdateConfig,
    mean: "GlobalMean",
    lr: float,
    guard: "StepGuard | None" = None,
) -> "StepReport":
    """Update the discriminators that the update names, against a fixed generator."""
    engine, bare = networks.discriminators, networks.bare_discriminators
    assert engine is not None
    step = _Step(engine, update, mean)
    for x, last in _with_last(micro_batches):
        with engine.micro_batch(last=last):
            outputs = discriminate(x, networks, update.losses)
            terms = discriminator_terms(x, outputs, bare, update.losses)
            unused = unused_discriminator_outputs(outputs, bare, update.trained)
            step.backward(terms, x, unused=unused, last=last)
    return step.finish(lr, guard, parts=bare.computing(update.trained))


@dataclass(frozen=True)
class StepReport:
    """Report the terms and the gradient norm of one update.

    Attributes:
        sums: term -> sum over this process's valid clips, on the device, detached. Terms of the
            emotion are left out where no process has a clip with a label.
        weights: term -> its weight in the update.
        grad_norm: of the engine's gradients, before clipping; NaN until the guard has read it.
        lr: learning rate.
    """

    sums: Terms
    weights: dict[str, float]
    grad_norm: float
    lr: float


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


@dataclass(frozen=True)
class GlobalMean:
    """Average over the valid clips of the whole step, over all processes and micro-batches.

    Attributes:
        valid: number of these clips.
        processes: over which the engine averages gradients.
        unlabelled: number of the valid clips whose emotion is unknown.
    """

    valid: int
    processes: int
    unlabelled: int = 0

    @property
    def without_label(self) -> bool:
        """Return whether the emotion of every valid clip is unknown."""
        return 0 < self.unlabelled == self.valid

    def over_labelled(self, values_B: Tensor) -> Tensor:
        """Return values whose mean over the valid clips is that over those with a label.

        The values of unlabelled clips are 0. Where every clip has a label nothing is changed.
        """
        if self.unlabelled == 0:
            return values_B
        return values_B * (self.valid / max(self.valid - self.unlabelled, 1))

    def share(self, values_B: Tensor, x: ClipInputs) -> Tensor:
        """Return this micro-batch's share; the engine's average of all shares is the mean."""
        return (values_B * x.valid_B).sum() * (self.processes / max(self.valid, 1))


class _Step:
    """Run the backward passes of one update, sum its terms, and finish it."""

    def __init__(self, engine: Engine, update: UpdateConfig, mean: GlobalMean) -> None:
        self._engine, self._update, self._mean = engine, update, mean
        self._of_emotion = terms_of_emotion(update)
        self._sums: Terms = {}
        self._seen: list[tuple[Terms, tuple[str, ...]]] = []

    def backward(
        self, terms: Terms, x: ClipInputs, *, unused: Sequence[Tensor], last: bool
    ) -> None:
        """Add the gradients of the weighted terms, and of zero times the unused outputs."""
        terms = {
            name: self._mean.over_labelled(value) if name in self._of_emotion else value
            for name, value in terms.items()
        }
        self._add(terms, x)
        losses = self._update.losses
        trained = {name: terms[name] for name in losses}
        loss = self._mean.share(weighted_sum(trained, losses), x) * nan_unless_finite(terms)
        self._engine.backward(with_zero_gradients(loss, unused), last=last)

    def finish(self, lr: float, guard: StepGuard | None, *, parts: Collection[str]) -> StepReport:
        """Update these parts of the network and return the report.

        Raises:
            NonFiniteUpdateError: a term or a gradient is not finite; nothing was updated.
        """
        guard = guard or StepGuard()
        guard.add(self._seen)
        try:
            with self._engine.learning(parts):
                norm = self._engine.step(lr=lr, guard=guard)
        except NonFiniteGradientError as error:
            raise NonFiniteUpdateError(error, guard.not_finite_clips(error.place)) from error
        measured = dict(self._sums)
        if self._mean.without_label:  # no mean over no clips
            measured = {n: total for n, total in measured.items() if n not in self._of_emotion}
        return StepReport(measured, self._update.losses, norm, lr)

    def _add(self, terms: Terms, x: ClipInputs) -> None:
        values = {name: (value * x.valid_B).detach() for name, value in terms.items()}
        self._seen.append((values, x.keys))
        for name, value in values.items():
            total = value.sum()
            self._sums[name] = self._sums[name] + total if name in self._sums else total


def _with_last(micro_batches: Sequence[ClipInputs]) -> Iterator[tuple[ClipInputs, bool]]:
    """Yield each micro-batch and whether it is the last one."""
    last = len(micro_batches) - 1
    return ((x, index == last) for index, x in enumerate(micro_batches))
