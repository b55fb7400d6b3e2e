"""Define the perceptual loss as a term of the generator."""

from torch import Tensor

from emotalk.losses.perceptual import perceptual_loss
from emotalk.models import AnyOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the distance of VGG-19's features on randomly drawn frames (report 4.2)."""
    assert networks.features is not None, "the configuration refuses the term without its network"
    with networks.autocast():
        return perceptual_loss(
            networks.features, generated.video_BTCHW, x.video_BTCHW, frames_BK=x.frames_BK
        )


TERM = GeneratorTerm(compute, order=2)
