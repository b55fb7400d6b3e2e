"""Compute the articulation of a sentence: one track for the drawn lips and for the sound.

`opening` sets the gap between the lips, the first formant and the loudness of the voice. `spread`
(from `opening` and the second formant) sets the width of the mouth. So the mouth follows the sound.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from emotalk.schema import Doubles
from emotalk.synthetic.sentences import PHONEMES, SILENCE, Phone, Sentence

TRACK_RATE = 1000  # control values a second
LIP_SMOOTHING_S = 0.06  # coarticulation: overlap of neighbouring phonemes
TONGUE_SMOOTHING_S = 0.07
SOUND_SMOOTHING_S = 0.02
STRESS_STRETCH = 1.2
FINAL_STRETCH = 1.25
NORMAL_TEMPO = 1.2
NORMAL_LENGTH_S = 1.8  # of speech, by the table's durations

F1_CLOSED_HZ = 230.0
F1_RANGE_HZ = 570.0


@dataclass(frozen=True)
class Articulation:
    """Targets of all articulators at `TRACK_RATE`, each (N,), frequencies for an average voice."""

    opening: Doubles  # in [0, 1], as the next three
    voice: Doubles
    noise: Doubles
    nasal: Doubles
    f2: Doubles  # in Hz, as the next three
    f3: Doubles
    noise_hz: Doubles
    noise_width_hz: Doubles
    accents_s: tuple[float, ...]  # centres of the stressed words
    speech_s: tuple[float, float]  # begin and end of the speech

    @property
    def duration_s(self) -> float:
        """Return the length of the track in seconds."""
        return len(self.opening) / TRACK_RATE

    @cached_property
    def times_s(self) -> Doubles:
        """Return the time of each control value."""
        return np.arange(len(self.opening)) / TRACK_RATE

    @cached_property
    def f1(self) -> Doubles:
        """Return the first formant in Hz for an average voice, linear in the opening."""
        return F1_CLOSED_HZ + F1_RANGE_HZ * self.opening

    @cached_property
    def spread(self) -> Doubles:
        """Return the width of the lips, -1 rounded to +1 spread; 0 in silence.

        Front vowels (high second formant) are spread, back vowels rounded; an open mouth is a
        little wider.
        """
        lips = np.clip((self.f2 - 1500.0) / 800.0 + 0.35 * self.opening, -1.0, 1.0)
        return np.asarray(lips)

    def at(self, values: Doubles, times_s: Doubles) -> Doubles:
        """Return one of the tracks at other times, interpolated linearly."""
        return np.asarray(np.interp(times_s, self.times_s, values))


def articulate(
    sentence: Sentence,
    *,
    tempo: float,
    opening_gain: float,
    silence_s: tuple[float, float],
) -> Articulation:
    """Return the articulation of a sentence.

    Args:
        sentence: to speak.
        tempo: 1 is normal, 2 twice as fast.
        opening_gain: scales every opening (lively or mumbled speech); clipped at 1.
        silence_s: seconds of closed mouth before and after.
    """
    phones, accents_s = _timed_phones(sentence, tempo * _usual_tempo(sentence), silence_s)
    counts = _sample_counts([duration for _, duration in phones])

    def track(name: str, smoothing_s: float) -> Doubles:
        steps = np.repeat([float(getattr(phone, name)) for phone, _ in phones], counts)
        return _smoothed(steps, smoothing_s)

    return Articulation(
        opening=np.clip(track("opening", LIP_SMOOTHING_S) * opening_gain, 0.0, 1.0),
        voice=track("voice", SOUND_SMOOTHING_S),
        noise=track("noise", SOUND_SMOOTHING_S),
        nasal=track("nasal", SOUND_SMOOTHING_S),
        f2=track("f2", TONGUE_SMOOTHING_S),
        f3=track("f3", TONGUE_SMOOTHING_S),
        noise_hz=track("noise_hz", SOUND_SMOOTHING_S),
        noise_width_hz=track("noise_width_hz", SOUND_SMOOTHING_S),
        accents_s=accents_s,
        speech_s=(silence_s[0], (sum(counts) / TRACK_RATE) - silence_s[1]),
    )


def _usual_tempo(sentence: Sentence) -> float:
    """Return the tempo that brings a sentence half-way to the average length."""
    length_s = sum(
        phone.duration_s for word in sentence.words for name in word for phone in PHONEMES[name]
    )
    return float(NORMAL_TEMPO * (length_s / NORMAL_LENGTH_S) ** 0.5)


def _timed_phones(
    sentence: Sentence, tempo: float, silence_s: tuple[float, float]
) -> tuple[list[tuple[Phone, float]], tuple[float, ...]]:
    phones = [(SILENCE, silence_s[0])]
    accents_s = []
    now_s = silence_s[0]
    words = sentence.words
    for number, word in enumerate(words):
        stretch = STRESS_STRETCH if number in sentence.stressed else 1.0
        stretch *= FINAL_STRETCH if number == len(words) - 1 else 1.0
        begin_s = now_s
        for phone in (phone for name in word for phone in PHONEMES[name]):
            vowel = phone.voice == 1.0
            duration_s = phone.duration_s / tempo * (stretch if vowel else 1.0)
            phones.append((phone, duration_s))
            now_s += duration_s
        if number in sentence.stressed:
            accents_s.append((begin_s + now_s) / 2)
    phones.append((SILENCE, silence_s[1]))
    return phones, tuple(accents_s)


def _sample_counts(durations_s: list[float]) -> NDArray[np.int64]:
    """Return numbers of control values whose sums are the rounded times."""
    edges = np.rint(np.cumsum([0.0, *durations_s]) * TRACK_RATE).astype(np.int64)
    return np.array([after - before for before, after in pairwise(edges)])


def _smoothed(steps: Doubles, smoothing_s: float) -> Doubles:
    """Return `steps` averaged over a Hann window, padded with their end values."""
    length = int(smoothing_s * TRACK_RATE) | 1
    window = np.hanning(length + 2)[1:-1]
    padded = np.pad(steps, length // 2, mode="edge")
    return np.asarray(np.convolve(padded, window / window.sum(), mode="valid"))
