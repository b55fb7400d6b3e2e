"""Define the error of the mouth's shape predicted from speech as a term of the generator."""

from torch import Tensor

from emotalk.losses.mouth_shape import mouth_shape_loss
from emotalk.models import AnyOutput, OutputWithMouth
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the mean error of the mouth's motion, in percent of the eyes' distance (ours)."""
    assert isinstance(generated, OutputWithMouth), "the configuration requires the head"
    return mouth_shape_loss(generated.mouth_BTLP, x.landmarks_BTLP)


# After the terms that are older: runs without it keep the last digits of their gradients.
TERM = GeneratorTerm(compute, reads="mouth_BTLP", order=4)
