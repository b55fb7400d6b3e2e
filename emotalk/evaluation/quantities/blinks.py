"""Measure how often and for how long the eyes blink."""

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.metrics.blinks import MIN_FRAMES, eye_aspect_ratio, find_blinks


def blink_figures(comparison: Comparison) -> dict[str, float]:
    """Return rate and duration of the video's blinks."""
    found = find_blinks(eye_aspect_ratio(comparison.landmarks_TLP))
    return {"blink_rate": found.a_minute, "blink_seconds": found.seconds}


METRIC = Metric(
    {
        "blink_rate": Quantity(
            "blinks a minute",
            "near_truth",
            1,
            "How often the eyes shut and open; people who talk blink 15 to 30 times a minute.",
            f"fewer than {MIN_FRAMES} frames show a face",
        ),
        "blink_seconds": Quantity(
            "duration of a blink (s)",
            "near_truth",
            2,
            "How long the eyes stay shut in a blink that begins and ends in the clip.",
            "no whole blink",
        ),
    },
    blink_figures,
    needs_landmarks=True,
    of_truth=True,
)
