"""Define the cross-entropy of the emotion classified from speech as a term of the generator."""

from torch import Tensor

from emotalk.losses.emotion import emotion_cross_entropy
from emotalk.models import AnyOutput
from emotalk.training.generator_term import GeneratorTerm
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks


def compute(x: ClipInputs, generated: AnyOutput, networks: Networks) -> Tensor:
    """Return the cross-entropy of the predicted emotion (Eskimez et al. 2021, total loss)."""
    assert generated.emotion_logits_BE is not None, "the configuration requires the head"
    return emotion_cross_entropy(generated.emotion_logits_BE, x.emotion_B)


TERM = GeneratorTerm(compute, reads="emotion_logits_BE", needs_emotion=True, order=3)
