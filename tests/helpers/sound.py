"""Read the sound of a file on its clock."""

from pathlib import Path

import numpy as np

from emotalk.media.container import MediaInfo
from emotalk.media.sound import Sound, read_sound
from emotalk.media.sound_source import SoundSource
from emotalk.schema import SAMPLE_RATE, Floats


def read_audio(path: Path, *, rate: int = SAMPLE_RATE, info: MediaInfo | None = None) -> Floats:
    """Return a file's sound from time 0: zeros before a late one, no sound before 0."""
    sound = read_sound(path, rate=rate, info=info)
    return sound.between(0.0, max(0, sound.first + sound.samples_S.size))


def own_samples(sound: Sound) -> Floats:
    """Return the samples from the first decoded one on."""
    return np.asarray(sound.samples_S[round(sound.start_s * sound.rate) - sound.first :])


def read_all(source: SoundSource) -> Floats:
    """Return all samples of a source."""
    return source.read(0, source.size)
