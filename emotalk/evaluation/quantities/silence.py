"""Measure how still the lips are while nobody speaks."""

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.metrics.silence import MIN_SILENCE, lip_motion_in_silence


def silence_figures(comparison: Comparison) -> dict[str, float]:
    """Return the motion of the lips in the true speech's silences."""
    voiced_T = comparison.truth.voiced_T
    return {"lips_in_silence": lip_motion_in_silence(comparison.opening_T, voiced_T)}


METRIC = Metric(
    {
        "lips_in_silence": Quantity(
            "lips in silence (outer-eye distances)",
            "near_truth",
            4,
            "How much the mouth's opening varies in pauses of 0.3 s and more; less is stiller.",
            f"no pause of {MIN_SILENCE} frames with a face",
        )
    },
    silence_figures,
    needs_landmarks=True,
    of_truth=True,
)
