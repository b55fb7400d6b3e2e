"""Build the landmark model for generated frames."""

from typing import Protocol

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.averaged_landmarks import AveragedCropLandmarks
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.crop_landmarks import CropLandmarks
from emotalk.faces.steadiness import FaceModel
from emotalk.pretrained import load_landmark_model
from emotalk.schema import Bytes, Floats

PHOTOGRAPH_AVERAGE = 4
"""Detections that are averaged in photographs; `emotalk/faces/README.md` has the measurements."""


class LandmarkModel(Protocol):
    """Detects the landmarks of aligned crops."""

    @property
    def name(self) -> str:
        """Return its name in the report."""

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return landmarks (T, 68, 2) in crop pixels, NaN where no face was found."""


def average_of(landmarks: str, wanted: int | None) -> int:
    """Return how many detections are averaged: the setting, or what suits the landmark model.

    The shipped model of drawn faces sees the whole crop, without a box that could be moved: 1.
    """
    if wanted is not None:
        return wanted
    return 1 if landmarks == "judge" else PHOTOGRAPH_AVERAGE


def build_landmark_model(
    landmarks: str, finder: LandmarksConfig, average: int = 1
) -> LandmarkModel:
    """Return the shipped model of drawn faces for `judge`, else a back end with its own models.

    Args:
        landmarks: `judge`, `insightface` or `onnx`.
        finder: the places of the back end's models.
        average: the number of detections whose mean a frame's landmarks are.

    Raises:
        WrongUse: the back end's models are not there, or `average` is not for drawn faces.
    """
    if landmarks == "judge":
        if average != 1:
            raise WrongUse(
                f"landmark_average is {average}, but the shipped model of drawn faces detects once "
                "in a frame; leave landmark_average out, or set it to 1"
            )
        return load_landmark_model()
    if landmarks == "onnx" and (finder.detector is None or finder.landmarker is None):
        raise WrongUse(
            "landmarks is onnx, so finder.detector and finder.landmarker must name model files"
        )
    detail = f"pack {finder.pack}" if landmarks == "insightface" else str(finder.landmarker)
    detector = build_landmark_detector(finder.model_copy(update={"backend": landmarks}))
    name = f"{landmarks} ({detail})"
    if average == 1:
        return CropLandmarks(detector, name)
    assert isinstance(detector, FaceModel), "both back ends find boxes and landmarks"
    return AveragedCropLandmarks(detector, f"{name}, mean of {average} detections", average)
