"""Metrics of generated videos: plain functions on arrays and tensors, no networks, no files.

Image metrics take float RGB in [0, 1]; landmark metrics take pixels of the 128 x 128 crop.
"""

from emotalk.metrics.emotion import EmotionScores, emotion_scores
from emotalk.metrics.image import crop_mouth, psnr, ssim
from emotalk.metrics.landmarks import (
    LandmarkDistance,
    landmark_distance,
    nlmd_per_frame,
    procrustes_align,
)
from emotalk.metrics.lip_sync import (
    mouth_correlation,
    mouth_lag,
    mouth_opening,
    voiced_frames,
)
from emotalk.metrics.protocol import (
    Estimate,
    bootstrap_over_actors,
    partners_with_other_speech,
    repeat_frame,
)

__all__ = [
    "EmotionScores",
    "Estimate",
    "LandmarkDistance",
    "bootstrap_over_actors",
    "crop_mouth",
    "emotion_scores",
    "landmark_distance",
    "mouth_correlation",
    "mouth_lag",
    "mouth_opening",
    "nlmd_per_frame",
    "partners_with_other_speech",
    "procrustes_align",
    "psnr",
    "repeat_frame",
    "ssim",
    "voiced_frames",
]
