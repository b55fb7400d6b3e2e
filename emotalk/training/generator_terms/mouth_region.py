"""Define the mouth-region loss as a term of the generator."""

from torch import Tensor

from emotalk.losses.mouth_region import mouth_region_loss
from emotalk.models import AnyOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the L1 distance with Gaussian weights around the mouth (report 4.2)."""
    return mouth_region_loss(generated.video_BTCHW, x.video_BTCHW, x.weights_BTHW)


TERM = GeneratorTerm(compute, order=0)
