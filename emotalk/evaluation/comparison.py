"""Compare a video with the true clip: the data that metrics read, and the form of a metric."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.metrics.lip_sync import mouth_opening, voiced_frames
from emotalk.schema import LANDMARKS, Bytes, Doubles, Floats
from emotalk.shards.clip import Clip


@dataclass(frozen=True)
class Truth:
    """A true clip with the data that all of its comparisons share.

    Attributes:
        clip: the clip.
        landmarks_TLP: landmarks of its frames by the model that also detects the generated ones.
        opening_T: its mouth opening.
        voiced_T: its voiced frames.
        video_BTCHW: its frames, float [0, 1], B = 1.
    """

    clip: Clip
    landmarks_TLP: Floats
    opening_T: Doubles
    voiced_T: NDArray[np.bool_]
    video_BTCHW: Tensor


class Comparison(NamedTuple):
    """A video beside the true clip.

    Attributes:
        video_BTCHW: frames of the video, float [0, 1], B = 1.
        landmarks_TLP: landmarks of the video.
        opening_T: mouth opening of the video.
        truth: the true clip, as long as the video.
    """

    video_BTCHW: Tensor
    landmarks_TLP: Floats
    opening_T: Doubles
    truth: Truth


class Quantity(NamedTuple):
    """A figure's description for people.

    Attributes:
        label: its name with its unit.
        better: `higher` or `lower`.
        digits: digits after the point.
    """

    label: str
    better: str
    digits: int


class Metric(NamedTuple):
    """A function that measures one or more quantities of a comparison.

    Attributes:
        quantities: name -> description of each figure that `measure` returns.
        measure: returns name -> value, NaN if it is undefined.
        needs_landmarks: whether it can be measured only with a landmark model.
    """

    quantities: Mapping[str, Quantity]
    measure: Callable[[Comparison], dict[str, float]]
    needs_landmarks: bool = False


def prepare_truth(clip: Clip, model: LandmarkModel | None) -> Truth:
    """Return the clip with its landmarks by `model` and the data derived from them."""
    landmarks_TLP = detect_landmarks(clip.video_THWC, model)
    return Truth(
        clip=clip,
        landmarks_TLP=landmarks_TLP,
        opening_T=mouth_opening(landmarks_TLP),
        voiced_T=voiced_frames(clip.audio_S),
        video_BTCHW=to_metrics(clip.video_THWC),
    )


def compare(video_THWC: Bytes, landmarks_TLP: Floats, truth: Truth) -> Comparison:
    """Return a video and its landmarks beside the true clip."""
    return Comparison(to_metrics(video_THWC), landmarks_TLP, mouth_opening(landmarks_TLP), truth)


def detect_landmarks(frames_THWC: Bytes, model: LandmarkModel | None) -> Floats:
    """Return the landmarks (T, 68, 2) of frames; NaN without a model."""
    if model is None:
        return np.full((len(frames_THWC), LANDMARKS, 2), np.nan, np.float32)
    return model.landmarks(frames_THWC)


def to_metrics(frames_THWC: Bytes) -> Tensor:
    """Return uint8 frames as float RGB in [0, 1], (1, T, 3, H, W)."""
    frames = torch.from_numpy(np.ascontiguousarray(frames_THWC)).permute(0, 3, 1, 2)
    return frames[None].float() / 255
