"""The networks: one generator and its critics, importable on their own.

They own no optimiser, device or configuration; they take plain numbers and know only the schema.
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
