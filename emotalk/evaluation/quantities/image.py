"""Measure PSNR and SSIM, of the whole face and of the mouth crop."""

import torch

from emotalk.evaluation.comparison import Comparison, Metric, Quantity
from emotalk.metrics.image import crop_mouth, psnr, ssim


def image_figures(comparison: Comparison) -> dict[str, float]:
    """Return PSNR and SSIM; the mouth crop is placed by the shard's landmarks."""
    video, true = comparison.video_BTCHW, comparison.truth.video_BTCHW
    points = torch.tensor(comparison.truth.clip.landmarks_TLP)[None]
    mouth, true_mouth = crop_mouth(video, points), crop_mouth(true, points)
    return {
        "psnr": psnr(video, true).item(),
        "ssim": ssim(video, true).item(),
        "psnr_mouth": psnr(mouth, true_mouth).item(),
        "ssim_mouth": ssim(mouth, true_mouth).item(),
    }


METRIC = Metric(
    {
        "psnr": Quantity(
            "PSNR, whole face (dB)",
            "higher",
            2,
            "Likeness of all pixels to the true ones; colour and place count, looks do not.",
        ),
        "psnr_mouth": Quantity(
            "PSNR, mouth crop (dB)",
            "higher",
            2,
            "Likeness of the pixels in a crop of 48 x 40 around the true mouth.",
        ),
        "ssim": Quantity(
            "SSIM, whole face",
            "higher",
            4,
            "Likeness of local structure to the true picture; 1 for the same picture.",
        ),
        "ssim_mouth": Quantity(
            "SSIM, mouth crop",
            "higher",
            4,
            "Likeness of local structure in a crop of 48 x 40 around the true mouth.",
        ),
    },
    image_figures,
)
