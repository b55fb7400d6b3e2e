"""Measure how sharp face and mouth are beside the true ones."""

import numpy as np
import torch
from torch import Tensor

from emotalk.evaluation.comparison import Comparison, Metric, Quantity, to_metrics
from emotalk.metrics.image import crop_mouth
from emotalk.metrics.sharpness import relative_sharpness
from emotalk.schema import Floats

LEAST = 8  # pixels: smallest side of the part of the picture that is compared


def sharpness_figures(comparison: Comparison) -> dict[str, float]:
    """Return the sharpness of face and mouth over the true one's.

    Both are placed by the shard's landmarks: the face is the box around their means over the clip,
    the mouth the crop of PSNR and SSIM.
    """
    video = to_metrics(comparison.frames_THWC)
    true = to_metrics(comparison.truth.frames_THWC)
    landmarks_TLP = comparison.truth.clip.landmarks_TLP
    points = torch.tensor(landmarks_TLP)[None]
    pairs = {
        "sharpness": [_crop_face(part, landmarks_TLP) for part in (video, true)],
        "sharpness_mouth": [crop_mouth(part, points) for part in (video, true)],
    }
    found = {name: relative_sharpness(*pair).item() for name, pair in pairs.items()}
    return {name: value if np.isfinite(value) else float("nan") for name, value in found.items()}


def _crop_face(video_BTCHW: Tensor, landmarks_TLP: Floats) -> Tensor:
    """Return the part of a video around the mean landmarks, at least `LEAST` pixels a side."""
    points_LP = landmarks_TLP.mean(0)
    height, width = video_BTCHW.shape[-2:]
    limits = np.array([width, height]) - LEAST
    left, top = np.clip(np.floor(points_LP.min(0)), 0, limits).astype(int)
    right, bottom = np.ceil(points_LP.max(0)).astype(int) + 1
    right, bottom = max(right, left + LEAST), max(bottom, top + LEAST)
    return video_BTCHW[..., top:bottom, left:right]


METRIC = Metric(
    {
        "sharpness": Quantity(
            "sharpness of the face (of the true)",
            "near_1",
            3,
            "Fine detail of the face over the true video's; below 1: blurred, above: noisy; "
            "a still has it too.",
            "no detail in the true picture",
        ),
        "sharpness_mouth": Quantity(
            "sharpness of the mouth (of the true)",
            "near_1",
            3,
            "Fine detail of the mouth crop over the true video's; below 1: blurred, above: noisy; "
            "a still has it too.",
            "no detail in the true picture",
        ),
    },
    sharpness_figures,
)
