"""Measure the tremor of a video: of points that cannot tremble, and of pixels."""

from emotalk.evaluation.comparison import Comparison, Metric, Quantity, to_metrics
from emotalk.metrics.face_motion import MIN_FRAMES, landmark_jitter
from emotalk.metrics.sharpness import flicker


def steadiness_figures(comparison: Comparison) -> dict[str, float]:
    """Return the jitter of rigid landmarks and the flicker of the whole crop."""
    return {
        "jitter": landmark_jitter(comparison.landmarks_TLP),
        "flicker": flicker(to_metrics(comparison.frames_THWC)).item(),
    }


METRIC = Metric(
    {
        "jitter": Quantity(
            "jitter of nose and eye corners (% of the eye distance)",
            "near_truth",
            3,
            "How much points shake that a head holds still; the true clips show the model's noise.",
            f"fewer than {MIN_FRAMES} times three frames in a row with a face",
        ),
        "flicker": Quantity(
            "flicker (grey levels)",
            "near_truth",
            2,
            "How much pixels tremble from frame to frame; 0 for a still, s for new noise of s.",
            "fewer than three frames",
        ),
    },
    steadiness_figures,
    needs_landmarks=True,
    of_truth=True,
)
