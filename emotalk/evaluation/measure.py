"""All figures of one video held against the true one."""

import io
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotalk.evaluation.landmark_models import Examiner
from emotalk.faces.template import template_LP
from emotalk.media.encode import encode_video
from emotalk.media.window import decode_video_window
from emotalk.metrics.as_reported import psnr_of_wrapped_bytes
from emotalk.metrics.image import crop_mouth, psnr, ssim
from emotalk.metrics.landmarks import LandmarkDistance, landmark_distance
from emotalk.metrics.lip_sync import mouth_correlation, mouth_lag, mouth_opening, voiced_frames
from emotalk.schema import FPS, Bytes, Doubles, Floats
from emotalk.shards.clip import Clip

REENCODED = {"crf": "23", "preset": "medium"}


@dataclass(frozen=True)
class Truth:
    """A true clip with what every comparison needs of it.

    Attributes:
        clip: the clip.
        landmarks_TLP: of its frames, by the same examiner as the generated ones.
        opening_T: its mouth's opening.
        voiced_T: its voiced frames.
        video_BTCHW: its frames, float [0, 1], B = 1.
    """

    clip: Clip
    landmarks_TLP: Floats
    opening_T: Doubles
    voiced_T: NDArray[np.bool_]
    video_BTCHW: Tensor


@dataclass(frozen=True)
class Comparison:
    """One video against the truth.

    Attributes:
        figures: name -> value; NaN where it is undefined.
        opening_T: the video's mouth opening.
    """

    figures: dict[str, float]
    opening_T: Doubles


def prepare_truth(clip: Clip, examiner: Examiner) -> Truth:
    """Return the clip with the examiner's landmarks and all that follows from them."""
    landmarks_TLP = examiner.landmarks(clip.video_THWC)
    return Truth(
        clip=clip,
        landmarks_TLP=landmarks_TLP,
        opening_T=mouth_opening(landmarks_TLP),
        voiced_T=voiced_frames(clip.audio_S),
        video_BTCHW=to_metrics(clip.video_THWC),
    )


def compare(video_THWC: Bytes, landmarks_TLP: Floats, truth: Truth) -> Comparison:
    """Return the figures of a video as long as the truth.

    Args:
        video_THWC: uint8 RGB.
        landmarks_TLP: the examiner's landmarks of it.
        truth: what it should be.
    """
    opening_T = mouth_opening(landmarks_TLP)
    distance = shape_distance(landmarks_TLP, truth.landmarks_TLP)
    figures = {
        **_likeness(video_THWC, truth),
        "nlmd": distance.nlmd,
        "nlmd_iod": distance.nlmd_iod,
        "missed_share": distance.missed_share,
        **sync_figures(opening_T, truth),
    }
    return Comparison(figures, opening_T)


def shape_distance(landmarks_TLP: Floats, truth_TLP: Floats) -> LandmarkDistance:
    """Return the distances of two landmark sets, aligned to the committed template.

    Validation and evaluation both measure so: their figures, and those of runs on different shard
    sets, can be compared.
    """
    return landmark_distance(landmarks_TLP, truth_TLP, template_LP())


def sync_figures(opening_T: Doubles, truth: Truth) -> dict[str, float]:
    """Return how well a mouth follows the true one."""
    return {
        "mouth_correlation": mouth_correlation(opening_T, truth.opening_T, truth.voiced_T),
        "mouth_lag": abs(mouth_lag(opening_T, truth.opening_T, truth.voiced_T)),
    }


def as_reported_figures(video_THWC: Bytes, truth: Truth, nlmd_iod: float) -> dict[str, float]:
    """Return the report's own figures, with the faults of its scripts."""
    return {
        "psnr_of_wrapped_bytes": psnr_of_wrapped_bytes(video_THWC, truth.clip.video_THWC),
        "nlmd_without_procrustes": nlmd_iod,
    }


def reencoded(frames_THWC: Bytes) -> Bytes:
    """Return the frames after H.264 as videos for people are stored: crf 23, 4:2:0."""
    stream = io.BytesIO()
    encode_video(stream, frames_THWC, fps=Fraction(FPS), options=REENCODED)
    return decode_video_window(stream.getvalue(), 0, len(frames_THWC))


def to_metrics(frames_THWC: Bytes) -> Tensor:
    """Return uint8 frames as float RGB in [0, 1], (1, T, 3, H, W)."""
    frames = torch.from_numpy(np.ascontiguousarray(frames_THWC)).permute(0, 3, 1, 2)
    return frames[None].float() / 255


def _likeness(video_THWC: Bytes, truth: Truth) -> dict[str, float]:
    video, true = to_metrics(video_THWC), truth.video_BTCHW
    points = torch.tensor(truth.clip.landmarks_TLP)[None]
    mouth, true_mouth = crop_mouth(video, points), crop_mouth(true, points)
    return {
        "psnr": psnr(video, true).item(),
        "ssim": ssim(video, true).item(),
        "psnr_mouth": psnr(mouth, true_mouth).item(),
        "ssim_mouth": ssim(mouth, true_mouth).item(),
    }
