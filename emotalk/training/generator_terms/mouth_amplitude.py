"""Define the error of the mouth's amplitude of motion as a term of the generator."""

from torch import Tensor

from emotalk.losses.mouth_amplitude import mouth_amplitude_loss
from emotalk.models import AnyOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the L1 distance of the motions' amplitudes, weighted towards the mouth (ours)."""
    return mouth_amplitude_loss(generated.video_BTCHW, x.video_BTCHW, x.weights_BTHW)


# After the terms that are older: runs without it keep the last digits of their gradients.
TERM = GeneratorTerm(compute, order=7)
