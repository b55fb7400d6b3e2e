"""Define the networks: the generator and its discriminators.

They have no optimiser, device or configuration: their arguments are numbers and tensors.
"""

from emotalk.models.discriminators.emotion import EmotionDiscriminator
from emotalk.models.discriminators.frame import FrameDiscriminator
from emotalk.models.discriminators.pair import PairDiscriminator
from emotalk.models.discriminators.temporal import TemporalDiscriminator
from emotalk.models.generator import AnyOutput, Generator, GeneratorOutput, OutputWithMouth

__all__ = [
    "AnyOutput",
    "EmotionDiscriminator",
    "FrameDiscriminator",
    "Generator",
    "GeneratorOutput",
    "OutputWithMouth",
    "PairDiscriminator",
    "TemporalDiscriminator",
]
