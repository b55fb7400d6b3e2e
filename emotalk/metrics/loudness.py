"""Compute the loudness of speech in every video frame, and compare the mouth's opening with it."""

import numpy as np
from numpy.typing import NDArray

from emotalk.metrics.lip_sync import MIN_FRAMES, STILL, STILL_SHARE
from emotalk.schema import SAMPLES_PER_FRAME, Doubles, Floats

FLOOR_DB = -40.0
"""Relative to the clip's loudest frame. Quieter frames count as this loud, so that the depth of
pauses does not decide."""


def frame_loudness(audio_S: Floats) -> Doubles:
    """Return the RMS of each video frame's sound in dB, relative to the loudest, (S // 320,).

    From `FLOOR_DB` to 0; all `FLOOR_DB` for a silent clip. The speech is mono at 8 kHz.
    """
    frames = len(audio_S) // SAMPLES_PER_FRAME
    samples = np.asarray(audio_S[: frames * SAMPLES_PER_FRAME], np.float64)
    power_T = np.square(samples.reshape(frames, SAMPLES_PER_FRAME)).mean(1)
    loudest = float(power_T.max(initial=0.0))
    if not loudest > 0:
        return np.full(frames, FLOOR_DB)
    return np.asarray(10 * np.log10(np.maximum(power_T / loudest, 10 ** (FLOOR_DB / 10))))


def loudness_correlation(
    opening_T: Doubles, loudness_T: Doubles, voiced_T: NDArray[np.bool_], *, truth_T: Doubles
) -> float:
    """Return Pearson's correlation of the mouth's opening with loudness over voiced frames.

    A mouth that moves less than `STILL_SHARE` of the true one, whose opening is `truth_T`, has 0:
    the landmarks of a frozen picture that was encoded move a little, and followed the loudness by
    chance. NaN if the loudness does not change or fewer than `MIN_FRAMES` voiced frames show a
    face. Frames beyond the end of the shortest argument are left out.

    Source: THEval's "lip-sync" compares the same two courses, each scaled to 0..1 by its extremes,
        by their mean distance. That distance depends on the two most extreme frames and is small
        for a still mouth in quiet speech, so the correlation stands here.
    """
    frames = min(len(opening_T), len(loudness_T), len(voiced_T), len(truth_T))
    used = voiced_T[:frames] & np.isfinite(opening_T[:frames])
    opening, loudness = opening_T[:frames][used], loudness_T[:frames][used]
    if len(opening) < MIN_FRAMES or loudness.std() == 0:
        return float("nan")
    true = truth_T[:frames][used]
    true = true[np.isfinite(true)]
    if opening.std() < max(STILL, STILL_SHARE * true.std() if len(true) else 0.0):
        return 0.0
    return float(np.corrcoef(opening, loudness)[0, 1])
