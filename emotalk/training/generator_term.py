"""Define the interface of a loss term of the generator that needs no discriminator."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

from emotalk.models import AnyOutput
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


class GeneratorTerm(NamedTuple):
    """Define one term of the generator's objective, named by its module in `generator_terms`.

    Attributes:
        compute: returns one value a clip (B,), unweighted, from a micro-batch, the generator's
            output for it and the networks of the run.
        reads: the generator's output that the term depends on.
        needs_emotion: whether it compares with the emotion of the clip, and so is 0 for clips of
            unknown emotion and averaged over the others.
        order: place among the terms. Terms are computed in this order, because the order in which
            gradients are added decides their last digits.
    """

    compute: Callable[[ClipInputs, AnyOutput, Networks], Tensor]
    reads: Literal["video_BTCHW", "emotion_logits_BE", "mouth_BTLP"] = "video_BTCHW"
    needs_emotion: bool = False
    order: int = 4
