"""Define the L1 reconstruction loss as a term of the generator."""

from torch import Tensor

from emotalk.losses.reconstruction import l1
from emotalk.models import AnyOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the mean absolute difference of all pixels (report 4.2)."""
    return l1(generated.video_BTCHW, x.video_BTCHW)


TERM = GeneratorTerm(compute, order=1)
