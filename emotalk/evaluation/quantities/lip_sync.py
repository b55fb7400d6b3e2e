"""Measure how well the mouth follows the true one."""

import numpy as np
from numpy.typing import NDArray

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.metrics.lip_sync import mouth_correlation, mouth_lag
from emotalk.schema import Doubles


def lip_sync_figures(
    opening_T: Doubles, truth_T: Doubles, voiced_T: NDArray[np.bool_]
) -> dict[str, float]:
    """Return the correlation and the sync distance of two mouth openings over voiced frames."""
    return {
        "mouth_correlation": mouth_correlation(opening_T, truth_T, voiced_T),
        "mouth_lag": abs(mouth_lag(opening_T, truth_T, voiced_T)),
    }


def _measure(comparison: Comparison) -> dict[str, float]:
    truth = comparison.truth
    return lip_sync_figures(comparison.opening_T, truth.opening_T, truth.voiced_T)


METRIC = Metric(
    {
        "mouth_correlation": Quantity("mouth opening, correlation over voiced frames", "higher", 3),
        "mouth_lag": Quantity("sync distance (frames)", "lower", 2),
    },
    _measure,
    needs_landmarks=True,
)
