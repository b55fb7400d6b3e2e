"""Build the landmark model for generated frames, and check that the shipped one may be used."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.shards import shards_text
from emotalk.errors import WrongUse
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.crop_landmarks import CropLandmarks
from emotalk.pretrained import load_landmark_model
from emotalk.schema import Bytes, Floats
from emotalk.shards.clip import Clip

DRAWN_FACE_LIMIT_PX = 1.6
"""Between the shipped model's error on drawn faces (0.5 to 1.0) and on people (2.3 to 3.8 px)."""


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


def check_drawn_faces(clips: Sequence[Clip], config: EvaluateConfig) -> float:
    """Return the shipped landmark model's error on true frames in pixels.

    The shipped models know drawn faces only. If the landmarks disagree with the stored ones, the
    faces are of another kind and the figures would mean nothing.

    Raises:
        WrongUse: the mean error exceeds `DRAWN_FACE_LIMIT_PX`.
    """
    model = load_landmark_model()
    errors = []
    for clip in clips:
        shown = [0, len(clip.video_THWC) // 2]
        moved = model.landmarks(clip.video_THWC[shown]) - clip.landmarks_TLP[shown]
        errors.append(float(np.linalg.norm(moved, axis=-1).mean()))
    error_px = float(np.mean(errors))
    if error_px > DRAWN_FACE_LIMIT_PX:
        raise WrongUse(
            f"{shards_text(config.shards)}: the shipped models know drawn faces only, and their "
            f"landmarks are {error_px:.1f} px off on this set's true frames (limit "
            f"{DRAWN_FACE_LIMIT_PX:g} px); these seem to be photographs: use "
            "landmarks=insightface (finder.pack, finder.root) and emotion=none"
        )
    return error_px
