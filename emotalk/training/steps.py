"""One update of one engine."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from emotalk.config.stages import UpdateConfig
from emotalk.losses.combine import NonFiniteLossError, check_finite, weighted_sum
from emotalk.training.inputs import ClipInputs
from emotalk.training.networks import Networks
from emotalk.training.objective import Terms, discriminator_terms, generator_terms


@dataclass(frozen=True)
class StepReport:
    """What one update did.

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


@dataclass(frozen=True)
class Divisor:
    """What turns sums over a process's clips into the mean over the valid clips of all.

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
            terms = generator_terms(x, networks, critics, update.losses)
            sums.add(terms, x)
            loss = divisor.mean(weighted_sum(terms, update.losses), x)
            engine.backward(loss, lr=lr, last=last)
    return StepReport(sums.terms, update.losses, engine.step(lr=lr), lr)


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
    engine.wake({name.removesuffix("_real") for name, weight in update.losses.items() if weight})
    for index, x in enumerate(micro_batches):
        last = index == len(micro_batches) - 1
        with engine.micro_batch(last=last):
            terms = discriminator_terms(x, networks, update.losses, penalty_weight=penalty_weight)
            sums.add(terms, x)
            trained = {name: terms[name] for name in update.losses}
            loss = divisor.mean(weighted_sum(trained, update.losses), x)
            engine.backward(loss, lr=lr, last=last)
    return StepReport(sums.terms, update.losses, engine.step(lr=lr), lr)


class Sums:
    """Sums of terms over the valid clips of the micro-batches, refused where not finite."""

    def __init__(self) -> None:
        """Start empty."""
        self.terms: Terms = {}

    def add(self, terms: Terms, x: ClipInputs) -> None:
        """Add one micro-batch's terms.

        Raises:
            NonFiniteLossError: a term is NaN or infinite; names term and clips.
        """
        valid = {name: values * x.valid_B for name, values in terms.items()}
        try:
            check_finite(valid)
        except NonFiniteLossError as error:
            raise NonFiniteLossError(f"{error}; clips: {', '.join(x.keys)}") from None
        for name, values in valid.items():
            total = values.detach().sum()
            self.terms[name] = self.terms[name] + total if name in self.terms else total
