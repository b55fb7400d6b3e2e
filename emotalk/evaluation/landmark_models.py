"""Build the landmark model for generated frames."""

from typing import Protocol

from emotalk.config.etl import LandmarksConfig
from emotalk.errors import WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.crop_landmarks import CropLandmarks
from emotalk.pretrained import load_landmark_model
from emotalk.schema import Bytes, Floats


class LandmarkModel(Protocol):
    """Detects the landmarks of aligned crops."""

    @property
    def name(self) -> str:
        """Return its name in the report."""

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return landmarks (T, 68, 2) in crop pixels, NaN where no face was found."""


def build_landmark_model(landmarks: str, finder: LandmarksConfig) -> LandmarkModel:
    """Return the shipped model of drawn faces for `judge`, else a back end with its own models.

    Raises:
        WrongUse: the back end's models are not there.
    """
    if landmarks == "judge":
        return load_landmark_model()
    if landmarks == "onnx" and (finder.detector is None or finder.landmarker is None):
        raise WrongUse(
            "landmarks is onnx, so finder.detector and finder.landmarker must name model files"
        )
    detail = f"pack {finder.pack}" if landmarks == "insightface" else str(finder.landmarker)
    detector = build_landmark_detector(finder.model_copy(update={"backend": landmarks}))
    return CropLandmarks(detector, f"{landmarks} ({detail})")
