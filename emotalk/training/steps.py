"""Update the generator or the discriminators once."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from emotalk.config.stages import UpdateConfig
from emotalk.distributed import Engine, NonFiniteGradientError
from emotalk.losses.combine import (
    nan_unless_finite,
    weighted_sum,
    with_zero_gradients,
)
from emotalk.training.critics.critic import Terms
from emotalk.training.global_mean import GlobalMean
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
from emotalk.training.step_guard import NonFiniteUpdateError, StepGuard


def generator_step(
    micro_batches: Sequence[ClipInputs],
    networks: Networks,
    update: UpdateConfig,
    mean: GlobalMean,
    lr: float,
    guard: StepGuard | None = None,
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
    mean: GlobalMean,
    lr: float,
    guard: StepGuard | None = None,
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
