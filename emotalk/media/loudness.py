"""Measure the loudness of a recording and its peak level."""

import numpy as np

from emotalk.schema import SAMPLE_RATE, Floats

STRETCH = SAMPLE_RATE // 100  # samples of 10 ms
REPEATED = 4  # stretches that must reach a level for it to be speech
LONE_PEAK = 2.0  # times that level: what is louder is a click


def loudness_db(audio_S: Floats) -> float:
    """Return the root mean square about the mean value in dB of full scale; -inf for silence.

    A constant offset is not heard, so it is no loudness.
    """
    meter = LoudnessMeter()
    meter.add(audio_S)
    return meter.decibels()


class LoudnessMeter:
    """The loudness of a recording that comes in pieces."""

    def __init__(self) -> None:
        """Begin before the first sample."""
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, audio_S: Floats) -> None:
        """Count samples."""
        self._count += audio_S.size
        self._sum += float(np.sum(audio_S, dtype=np.float64))
        self._squares += float(np.sum(np.square(audio_S, dtype=np.float64)))

    def decibels(self) -> float:
        """Return the root mean square about the mean value in dB of full scale."""
        if not self._count:
            return -np.inf
        power = self._squares / self._count - (self._sum / self._count) ** 2
        return 10 * float(np.log10(power)) if power > 0 else -np.inf


class PeakMeter:
    """The peak of a recording that comes in pieces, and the peak without lone clicks."""

    def __init__(self) -> None:
        """Begin before the first sample."""
        self._rest_S: Floats = np.zeros(0, np.float32)
        self._largest = np.zeros(0, np.float32)  # of all stretches, rising, `REPEATED` at most

    def add(self, audio_S: Floats) -> None:
        """Count samples at 8 kHz."""
        joined_S = np.concatenate([self._rest_S, audio_S])
        whole = joined_S.size // STRETCH * STRETCH
        self._keep(np.abs(joined_S[:whole]).reshape(-1, STRETCH).max(axis=1, initial=0.0))
        self._rest_S = joined_S[whole:]

    def peak(self) -> float:
        """Return the largest magnitude."""
        return float(max(self._largest.max(initial=0.0), np.abs(self._rest_S).max(initial=0.0)))

    def speech_peak(self) -> float:
        """Return the peak, or the level that speech reaches where a click is much louder.

        That level is the fourth-largest among the peaks of all stretches of 10 ms: a vowel comes up
        to it again and again, a click of some milliseconds does not. The peak is returned as it is
        where it is at most twice as high, as in nearly all recordings.
        """
        peak = self.peak()
        repeated = float(self._largest[0]) if self._largest.size == REPEATED else peak
        return peak if repeated <= 0 or peak <= LONE_PEAK * repeated else repeated

    def _keep(self, peaks: Floats) -> None:
        self._largest = np.sort(np.concatenate([self._largest, peaks]))[-REPEATED:]


def speech_peak(audio_S: Floats) -> tuple[float, float]:
    """Return a recording's peak and `PeakMeter.speech_peak`, of mono samples at 8 kHz."""
    meter = PeakMeter()
    meter.add(audio_S)
    return meter.peak(), meter.speech_peak()
