"""Measure how much lips, brows and head move: THEval's figures of motion."""

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.faces.template import template_LP
from emotalk.metrics.face_motion import (
    MIN_FRAMES,
    brow_dynamics,
    head_motion,
    lip_dynamics,
    lip_speed,
)

TOO_FEW = f"fewer than {MIN_FRAMES} steps between frames with a face"


def motion_figures(comparison: Comparison) -> dict[str, float]:
    """Return the video's own motion; `metrics/face_motion.py` defines each figure."""
    points_TLP = comparison.landmarks_TLP
    return {
        "lip_dynamics": lip_dynamics(points_TLP),
        "lip_speed": lip_speed(points_TLP, template_LP()),
        "brow_dynamics": brow_dynamics(points_TLP),
        "head_motion": head_motion(points_TLP, template_LP()),
    }


METRIC = Metric(
    {
        "lip_dynamics": Quantity(
            "lip dynamics (outer-eye distances)",
            "near_truth",
            4,
            "How much the lips change their shape over the clip; half of it for half the motion.",
            TOO_FEW,
        ),
        "lip_speed": Quantity(
            "lip speed (outer-eye distances a second)",
            "near_truth",
            3,
            "How quickly the mouth's points move relative to the head.",
            TOO_FEW,
        ),
        "brow_dynamics": Quantity(
            "brow dynamics (outer-eye distances a second)",
            "near_truth",
            3,
            "How quickly the brows rise and fall above the eyes.",
            TOO_FEW,
        ),
        "head_motion": Quantity(
            "head motion (outer-eye distances a second)",
            "near_truth",
            3,
            "How quickly the head moves in the crop; about none where the crop follows the head.",
            TOO_FEW,
        ),
    },
    motion_figures,
    needs_landmarks=True,
    of_truth=True,
)
