"""Compare the sound of a generated video with that of the true one."""

from typing import NamedTuple

import numpy as np
from scipy.signal import correlate

from emotalk.schema import SAMPLE_RATE, Doubles, Floats

REACH_S = 1.0  # of the delays that are tried, in either direction
SAME_SPEECH = 0.5  # least likeness; another sentence of one voice: to 0.3; an encoded copy: 0.9


class SoundMatch(NamedTuple):
    """By how much one sound is later than another, and how alike they are then."""

    delay_s: float  # positive: later than the true one
    likeness: float  # correlation of the two waveforms at this delay, absolute, in [0, 1]

    @property
    def same(self) -> bool:
        """Return whether both are the same recording, encoded or mixed otherwise."""
        return self.likeness >= SAME_SPEECH


def match_sound(own_S: Floats, true_S: Floats) -> SoundMatch:
    """Return the delay at which two sounds at 8 kHz are most alike, and their likeness there.

    Likeness is the largest normalised cross-correlation of the waveforms (so that another voice
    saying the same is another sound). Silence is like nothing: likeness 0.
    """
    own, true = _centred(own_S), _centred(true_S)
    norm = float(np.sqrt(np.square(own).sum() * np.square(true).sum()))
    if norm == 0:
        return SoundMatch(0.0, 0.0)
    scores = np.abs(correlate(own, true, mode="full", method="fft")) / norm
    lags = np.arange(len(scores)) - (len(true) - 1)
    near = np.abs(lags) <= REACH_S * SAMPLE_RATE
    best = int(np.argmax(scores[near]))
    return SoundMatch(float(lags[near][best]) / SAMPLE_RATE, min(1.0, float(scores[near][best])))


def _centred(sound_S: Floats) -> Doubles:
    doubles = np.asarray(sound_S, np.float64)
    return doubles - doubles.mean() if doubles.size else doubles
