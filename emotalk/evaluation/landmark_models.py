"""Choose the landmark model for generated frames; test whether the shipped judges may be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.faces.crop_landmarks import CropLandmarks
from emotalk.faces.landmarks import build_finder
from emotalk.pretrained import LandmarkJudge, load_landmark_judge
from emotalk.schema import Bytes, Floats
from emotalk.shards.clip import Clip

JUDGE_LIMIT_PX = 1.6
"""Between what the judge is off on drawn faces (0.5 to 1.0 px) and on people (2.3 to 3.8 px)."""


class Examiner(Protocol):
    """Finds the landmarks of crops."""

    @property
    def name(self) -> str:
        """Return its name in the report."""
        ...

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return landmarks (T, 68, 2) in crop pixels, NaN where no face was found."""
        ...


@dataclass(frozen=True)
class JudgeExaminer:
    """The project's own small network; it finds a face in everything it is shown."""

    judge: LandmarkJudge

    @property
    def name(self) -> str:
        """Say what it was made from."""
        facts = self.judge.facts
        return (
            f"emotalk's landmark net for drawn faces (made from {facts['actors']} drawn actors of "
            f"seed {facts['seed']}; {facts['error_px']:.2f} px off on actors it had not seen)"
        )

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the judge's landmarks."""
        return self.judge.landmarks(frames_THWC)


@dataclass(frozen=True)
class FinderExaminer:
    """A face detector with a landmark model, as in the ETL."""

    find: CropLandmarks
    name: str

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the largest face's landmarks of every frame."""
        return self.find(frames_THWC)


def build_examiner(config: EvaluateConfig) -> Examiner:
    """Return who finds landmarks for this evaluation.

    Raises:
        WrongUse: the models of insightface or onnx are not there.
    """
    if config.landmarks == "judge":
        return JudgeExaminer(load_landmark_judge())
    finder = config.finder.model_copy(update={"backend": config.landmarks})
    detail = f"pack {finder.pack}" if config.landmarks == "insightface" else str(finder.landmarker)
    if config.landmarks == "onnx" and (finder.detector is None or finder.landmarker is None):
        raise WrongUse(
            "landmarks is onnx, so finder.detector and finder.landmarker must name model files"
        )
    return FinderExaminer(CropLandmarks(build_finder(finder)), f"{config.landmarks} ({detail})")


def refuse_judges_on_photographs(clips: Sequence[Clip], config: EvaluateConfig) -> float:
    """Return the landmark judge's error on true frames in pixels, or refuse to let judges judge.

    The judges know drawn faces alone. Where their landmarks do not agree with the stored ones the
    faces are of another kind, and figures from them would mean nothing.

    Raises:
        WrongUse: the mean error exceeds `JUDGE_LIMIT_PX`.
    """
    judge = load_landmark_judge()
    errors = []
    for clip in clips:
        shown = [0, len(clip.video_THWC) // 2]
        moved = judge.landmarks(clip.video_THWC[shown]) - clip.landmarks_TLP[shown]
        errors.append(float(np.linalg.norm(moved, axis=-1).mean()))
    error_px = float(np.mean(errors))
    if error_px > JUDGE_LIMIT_PX:
        raise WrongUse(
            f"{config.shards}: the shipped judges know drawn faces only, and their landmarks are "
            f"{error_px:.1f} px off on this set's true frames (limit {JUDGE_LIMIT_PX:g} px); these "
            "seem to be photographs: use landmarks=insightface (finder.pack, finder.root) and "
            "emotion=none"
        )
    return error_px
