"""Discriminators of generated videos: frames, lip sync, emotion and motion."""

from emotalk.models.discriminators.emotion import EmotionDiscriminator
from emotalk.models.discriminators.frame import FrameDiscriminator
from emotalk.models.discriminators.pair import PairDiscriminator
from emotalk.models.discriminators.temporal import TemporalDiscriminator

__all__ = [
    "EmotionDiscriminator",
    "FrameDiscriminator",
    "PairDiscriminator",
    "TemporalDiscriminator",
]
