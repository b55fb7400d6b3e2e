"""Measure whether the mouth opens wider where the speech is louder."""

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.metrics.lip_sync import MIN_FRAMES
from emotalk.metrics.loudness import frame_loudness, loudness_correlation


def loudness_figures(comparison: Comparison) -> dict[str, float]:
    """Return the correlation of the opening with the loudness of the TRUE speech."""
    truth = comparison.truth
    loudness_T = frame_loudness(truth.clip.audio_S)
    found = loudness_correlation(
        comparison.opening_T, loudness_T, truth.voiced_T, truth_T=truth.opening_T
    )
    return {"loudness_correlation": found}


METRIC = Metric(
    {
        "loudness_correlation": Quantity(
            "mouth opening against loudness, correlation",
            "near_truth",
            3,
            "Whether the mouth opens wider where the true speech is louder; a still mouth has 0.",
            f"fewer than {MIN_FRAMES} frames of speech with a face, or speech of one loudness",
        )
    },
    loudness_figures,
    needs_landmarks=True,
    of_truth=True,
)
