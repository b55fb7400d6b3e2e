"""Measure the RMS level and the peak of a recording."""

import numpy as np

from emotalk.schema import SAMPLE_RATE, Floats

BLOCK = SAMPLE_RATE // 100  # samples of 10 ms
REPEATED = 4  # blocks that must reach a level for it to be speech
CLICK = 2.0  # times that level: a higher peak is a click


def loudness_db(audio_S: Floats) -> float:
    """Return the RMS level in dB of full scale, -inf for silence.

    A constant offset is inaudible and left out.
    """
    meter = LoudnessMeter()
    meter.add(audio_S)
    return meter.decibels()


class LoudnessMeter:
    """Measure the RMS level of a recording that is read in blocks."""

    def __init__(self) -> None:
        """Start before the first sample."""
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, audio_S: Floats) -> None:
        """Add a block of samples."""
        self._count += audio_S.size
        self._sum += float(np.sum(audio_S, dtype=np.float64))
        self._squares += float(np.sum(np.square(audio_S, dtype=np.float64)))

    def decibels(self) -> float:
        """Return the RMS level, without a constant offset, in dB of full scale."""
        if not self._count:
            return -np.inf
        power = self._squares / self._count - (self._sum / self._count) ** 2
        return 10 * float(np.log10(power)) if power > 0 else -np.inf


class PeakMeter:
    """Measure the peak of a recording that is read in blocks, with and without single clicks."""

    def __init__(self) -> None:
        """Start before the first sample."""
        self._rest_S: Floats = np.zeros(0, np.float32)
        self._largest = np.zeros(0, np.float32)  # peaks of the blocks, rising, at most `REPEATED`

    def add(self, audio_S: Floats) -> None:
        """Add a block of samples at 8 kHz."""
        joined_S = np.concatenate([self._rest_S, audio_S])
        whole = joined_S.size // BLOCK * BLOCK
        peaks = np.abs(joined_S[:whole]).reshape(-1, BLOCK).max(axis=1, initial=0.0)
        self._largest = np.sort(np.concatenate([self._largest, peaks]))[-REPEATED:]
        self._rest_S = joined_S[whole:]

    def peak(self) -> float:
        """Return the largest magnitude."""
        return float(max(self._largest.max(initial=0.0), np.abs(self._rest_S).max(initial=0.0)))

    def speech_peak(self) -> float:
        """Return the peak of the speech, without a click that is much louder.

        That is the fourth-largest peak among blocks of 10 ms: vowels reach it repeatedly, a click
        does not. The peak itself is returned where it is at most twice as high, as in nearly all
        recordings.
        """
        peak = self.peak()
        repeated = float(self._largest[0]) if self._largest.size == REPEATED else peak
        return peak if repeated <= 0 or peak <= CLICK * repeated else repeated


def speech_peak(audio_S: Floats) -> tuple[float, float]:
    """Return a recording's peak and `PeakMeter.speech_peak`, of mono samples at 8 kHz."""
    meter = PeakMeter()
    meter.add(audio_S)
    return meter.peak(), meter.speech_peak()
