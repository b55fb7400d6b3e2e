"""Measure how well the mouth follows the true one."""

import numpy as np
from numpy.typing import NDArray

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.metrics.lip_sync import (
    MIN_FRAMES,
    mouth_amplitude,
    mouth_correlation,
    mouth_lag,
)
from emotalk.schema import Doubles

NO_SPEECH = f"fewer than {MIN_FRAMES} frames of speech with a face, or a true mouth that is still"


def lip_sync_figures(
    opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_]
) -> dict[str, float]:
    """Return correlation, amplitude ratio and sync distance of two openings over voiced frames."""
    return {
        "mouth_correlation": mouth_correlation(opening_T, truth_T, voiced_T),
        "mouth_amplitude": mouth_amplitude(opening_T, truth_T, voiced_T),
        "sync_distance": abs(mouth_lag(opening_T, truth_T, voiced_T)),
    }


def _measure(comparison: Comparison) -> dict[str, float]:
    truth = comparison.truth
    return lip_sync_figures(comparison.opening_T, truth.opening_T, truth.voiced_T)


METRIC = Metric(
    {
        "mouth_correlation": Quantity(
            "mouth opening, correlation over voiced frames",
            "higher",
            3,
            "Whether the mouth opens when the true one does; 120 ms late: about 0, as a still one; "
            "blind to how far.",
            NO_SPEECH,
        ),
        "mouth_amplitude": Quantity(
            "mouth opening, motion over the true one's (ratio)",
            "near_1",
            3,
            "How far the mouth opens and shuts in speech beside the true one; below 1: less; "
            "blind to when.",
            NO_SPEECH,
        ),
        "sync_distance": Quantity(
            "sync distance (frames)",
            "lower",
            2,
            "By how many frames, in parts of one, the mouth is early or late beside the true one.",
            f"{NO_SPEECH}, or a mouth that is still or follows at no shift",
        ),
    },
    _measure,
    needs_landmarks=True,
)
