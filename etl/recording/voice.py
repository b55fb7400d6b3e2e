"""Find the utterances of a recording: speech between two pauses."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emotalk.media.voice_activity import WINDOW_S
from emotalk.schema import Floats

BEGINS = 0.5  # probability from which on somebody speaks
ENDS = 0.35  # and below which nobody does any more
MIN_SPEECH_S = 0.1  # a shorter sound is none of a voice


@dataclass(frozen=True)
class Interval:
    """A period of a recording, in seconds on the clock of its picture and sound."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Return its length."""
        return self.end_s - self.start_s


def utterances(probabilities_W: Floats, *, first_s: float, min_pause_s: float) -> list[Interval]:
    """Return the periods of speech that pauses of at least `min_pause_s` part.

    Args:
        probabilities_W: of speech in each window, from `speech_probabilities`.
        first_s: time of the first window's start.
        min_pause_s: a shorter silence belongs to the utterance that it is in.
    """
    found: list[Interval] = []
    for first, last in _voiced(probabilities_W):
        start_s, end_s = first_s + first * WINDOW_S, first_s + last * WINDOW_S
        if found and start_s - found[-1].end_s < min_pause_s:
            start_s = found.pop().start_s
        found.append(Interval(start_s, end_s))
    return [utterance for utterance in found if utterance.seconds >= MIN_SPEECH_S]


def _voiced(probabilities_W: Floats) -> Iterator[tuple[int, int]]:
    """Yield first window and end of each run of speech: it begins and ends at two thresholds."""
    speaking, first = False, 0
    for window, value in enumerate(np.append(probabilities_W, 0.0).tolist()):
        if not speaking and value >= BEGINS:
            speaking, first = True, window
        elif speaking and value < ENDS:
            speaking = False
            yield first, window
