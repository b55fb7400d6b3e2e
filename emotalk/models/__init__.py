"""Networks: the generator and its discriminators.

They have no optimiser, device or configuration: their arguments are numbers and tensors.
"""

from emotalk.models.discriminators import (
    EmotionDiscriminator,
    FrameDiscriminator,
    PairDiscriminator,
    TemporalDiscriminator,
)
from emotalk.models.generator import Generator, GeneratorOutput

__all__ = [
    "EmotionDiscriminator",
    "FrameDiscriminator",
    "Generator",
    "GeneratorOutput",
    "PairDiscriminator",
    "TemporalDiscriminator",
]
