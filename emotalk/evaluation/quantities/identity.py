"""Measure whether a video shows the person of the true clip."""

import numpy as np

from emotalk.evaluation.comparison import Comparison, Metric, Quantity


def identity_figures(comparison: Comparison) -> dict[str, float]:
    """Return the mean cosine of the video's faces with the true clip's first one.

    The first true face is the condition image where that is the clip's first frame, so that a
    repeated condition has 1. Nothing without a model of identity; NaN where no face is found.
    """
    reference = comparison.truth.identity
    if reference is None:
        return {}
    vectors_ND = reference.embedder.embed(comparison.frames_THWC, comparison.landmarks_TLP)
    if not len(vectors_ND) or reference.vectors is None:
        return {"identity": float("nan")}
    return {"identity": float(np.mean(vectors_ND @ reference.vectors.first_D))}


METRIC = Metric(
    {
        "identity": Quantity(
            "identity (cosine of face embeddings)",
            "near_truth",
            3,
            "How much a face recogniser takes the faces for the person in the true first frame.",
            "no frame shows a face",
        )
    },
    identity_figures,
    needs_landmarks=True,
    of_truth=True,
)
