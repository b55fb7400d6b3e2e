"""Average a term over the valid clips of a step, of all processes and micro-batches."""

from dataclasses import dataclass

from torch import Tensor

from emotalk.training.input_preparation import ClipInputs


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
