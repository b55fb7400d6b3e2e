"""Define the error of the fine detail around the mouth as a term of the generator."""

from torch import Tensor

from emotalk.losses.mouth_detail import mouth_detail_loss
from emotalk.models import AnyOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the L1 distance of local contrasts, weighted towards the mouth (ours)."""
    return mouth_detail_loss(generated.video_BTCHW, x.video_BTCHW, x.weights_BTHW)


# After the terms that are older: runs without it keep the last digits of their gradients.
TERM = GeneratorTerm(compute, order=6)
