"""Shift speech by a part of a video frame."""

import torch
from torch import Tensor

from emotalk.config.augment import TimeShiftConfig
from emotalk.schema import SAMPLE_RATE
from emotalk.seeding import numpy_generator


def draw_shift(config: TimeShiftConfig, seed: int, place: int, key: str) -> int:
    """Return by how many samples a clip's speech is later; 0 where no shift is drawn.

    It is a function of seed, place in the run and sample key.
    """
    if config.p == 0:
        return 0
    random = numpy_generator(seed, "augment-speech-shift", place, key)
    drawn = random.random() < config.p
    milliseconds = float(random.uniform(*config.range))
    return round(milliseconds * SAMPLE_RATE / 1000) if drawn else 0


def shifted(speech_S: Tensor, samples: int) -> Tensor:
    """Return the speech later by `samples` (earlier if negative), with silence where it ends."""
    length = speech_S.shape[0]
    later = min(abs(samples), length)
    silence = speech_S.new_zeros(later)
    if samples >= 0:
        return torch.cat([silence, speech_S[: length - later]])
    return torch.cat([speech_S[later:], silence])
