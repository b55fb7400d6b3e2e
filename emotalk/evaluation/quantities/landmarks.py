"""Measure the distance of landmarks from the true ones: NLMD."""

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.faces.template import template_LP
from emotalk.metrics.landmarks import landmark_distance

NO_FACE = "no frame in which both videos show a face"


def landmark_figures(comparison: Comparison) -> dict[str, float]:
    """Return the landmark distances; both videos are aligned to the committed template."""
    truth_TLP = comparison.truth.landmarks_TLP
    return landmark_distance(comparison.landmarks_TLP, truth_TLP, template_LP())._asdict()


METRIC = Metric(
    {
        "nlmd": Quantity(
            "NLMD (sides of the crop)",
            "lower",
            5,
            "Mean distance of the 68 landmarks from the true ones after Procrustes alignment.",
            NO_FACE,
        ),
        "nlmd_mouth": Quantity(
            "NLMD of the mouth's points (sides of the crop)",
            "lower",
            5,
            "As NLMD, of the mouth's 20 points; "
            "the landmarks of blurred pictures err, which counts too.",
            NO_FACE,
        ),
        "nlmd_iod": Quantity(
            "nlmd_iod (outer-eye distances, no Procrustes)",
            "lower",
            5,
            "Mean distance of landmarks without alignment, so that head motion counts.",
            NO_FACE,
        ),
        "missed_share": Quantity(
            "frames without a face (share)",
            "lower",
            3,
            "Share of frames in which the generated or the true video shows no face.",
        ),
    },
    landmark_figures,
    needs_landmarks=True,
)
