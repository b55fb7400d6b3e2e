"""One update of one engine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emotalk.config.stages import UpdateConfig
from emotalk.distributed import Engine, NonFiniteGradientError
from emotalk.losses.combine import nan_unless_finite, not_finite, reaching, weighted_sum
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import GENERATOR, Networks
from emotalk.training.objective import (
    Terms,
    discriminator_terms,
    generator_terms,
    judgements,
    part_of,
    unread_by_discriminator_terms,
    unread_by_generator_terms,
)


@dataclass(frozen=True)
class StepReport:
    """Terms and gradient norm of one update.

    Attributes:
        sums: term -> sum over this process's valid clips, detached.
        weights: term -> its weight in the update.
        grad_norm: of the engine's gradients, before clipping.
        lr: learning rate.
    """

    sums: Terms
    weights: dict[str, float]
    grad_norm: float
    lr: float


class NonFiniteUpdateError(ArithmeticError):
    """An update that was not made, because a loss or a gradient is NaN or infinite.

    Every process raises it for the same update, each knowing its own clips.

    Attributes:
        engine: whose update it was.
        clips: term -> this process's clips for which it is not finite.
        parameters: those with such a gradient, where the engine can tell.
    """

    def __init__(
        self, engine: str, clips: Mapping[str, Sequence[str]], parameters: Sequence[str]
    ) -> None:
        super().__init__(f"the update of the {engine} is not finite")
        self.engine, self.clips, self.parameters = engine, dict(clips), tuple(parameters)


@dataclass(frozen=True)
class Divisor:
    """Factor from sums over a process's clips to the mean over the valid clips of all.

    Attributes:
        valid: valid clips of the whole step, over all processes and micro-batches.
        processes: whose gradients the engine averages.
    """

    valid: int
    processes: int

    def mean(self, values_B: Tensor, x: ClipInputs) -> Tensor:
        """Return this micro-batch's share of the global mean, as the engine needs it."""
        return (values_B * x.valid_B).sum() * (self.processes / max(self.valid, 1))


def generator_step(
    micro_batches: Sequence[ClipInputs],
    networks: Networks,
    update: UpdateConfig,
    divisor: Divisor,
    lr: float,
) -> StepReport:
    """One update of the generator against frozen discriminators (report eq. 4.1)."""
    if networks.discriminators is None:
        return _step(micro_batches, networks, update, divisor, lr, critics=None)
    with networks.discriminators.frozen() as critics:
        return _step(micro_batches, networks, update, divisor, lr, critics=critics)


def _step(
    micro_batches: Sequence[ClipInputs],
    networks: Networks,
    update: UpdateConfig,
    divisor: Divisor,
    lr: float,
    *,
    critics: torch.nn.Module | None,
) -> StepReport:
    engine, sums = networks.generator, Sums()
    for index, x in enumerate(micro_batches):
        last = index == len(micro_batches) - 1
        with engine.micro_batch(last=last):
            made = networks.generate(x, engine)
            terms = generator_terms(x, made, networks, critics, update.losses)
            sums.add(terms, x)
            loss = divisor.mean(weighted_sum(terms, update.losses), x)
            loss = loss * nan_unless_finite(terms)
            unread = unread_by_generator_terms(made, update.trained)
            engine.backward(reaching(loss, unread), last=last)
    learns = {GENERATOR, *update.trained}
    return StepReport(sums.terms, update.losses, sums.finite_step(engine, lr, learns), lr)


def discriminator_step(
    micro_batches: Sequence[ClipInputs],
    networks: Networks,
    update: UpdateConfig,
    divisor: Divisor,
    lr: float,
    *,
    penalty_weight: float,
) -> StepReport:
    """One update of all discriminators the update names, against a generator that stands still."""
    engine, sums = networks.discriminators, Sums()
    assert engine is not None, "a stage that trains discriminators has built them"
    for index, x in enumerate(micro_batches):
        last = index == len(micro_batches) - 1
        with engine.micro_batch(last=last):
            judged = judgements(x, networks, update.losses)
            terms = discriminator_terms(
                x, judged, engine.module, update.losses, penalty_weight=penalty_weight
            )
            sums.add(terms, x)
            trained = {name: terms[name] for name in update.losses}
            loss = divisor.mean(weighted_sum(trained, update.losses), x)
            loss = loss * nan_unless_finite(terms)
            unread = unread_by_discriminator_terms(judged, update.trained)
            engine.backward(reaching(loss, unread), last=last)
    learns = {part_of(term) for term in update.trained}
    return StepReport(sums.terms, update.losses, sums.finite_step(engine, lr, learns), lr)


class Sums:
    """Sums of terms over the valid clips of the micro-batches, and whose values they are."""

    def __init__(self) -> None:
        """Start empty."""
        self.terms: Terms = {}
        self._seen: list[tuple[Terms, tuple[str, ...]]] = []

    def add(self, terms: Terms, x: ClipInputs) -> None:
        """Add one micro-batch's terms."""
        values = {name: (value * x.valid_B).detach() for name, value in terms.items()}
        self._seen.append((values, x.keys))
        for name, value in values.items():
            total = value.sum()
            self.terms[name] = self.terms[name] + total if name in self.terms else total

    def finite_step(self, engine: Engine, lr: float, learns: Collection[str]) -> float:
        """Let the engine step; return its gradients' norm.

        Args:
            engine: that has the gradients.
            lr: learning rate.
            learns: the parts of its network that are updated.

        Raises:
            NonFiniteUpdateError: a term or a gradient is not finite; nothing was updated.
        """
        try:
            with engine.learning(learns):
                return engine.step(lr=lr)
        except NonFiniteGradientError as error:
            clips: dict[str, list[str]] = {}
            for values, keys in self._seen:
                for name, places in not_finite(values).items():
                    clips.setdefault(name, []).extend(keys[place] for place in places)
            raise NonFiniteUpdateError(engine.name, clips, error.parameters) from error
