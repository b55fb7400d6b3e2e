"""Configure the evaluation of pairs of videos that any system made."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate_identity import IdentityConfig
from emotalk.config.evaluate_tracking import ReportTrackingConfig
from emotalk.config.section import Positive, Section


class PairsConfig(Section):
    """Configure `emotalk evaluate --pairs DIR --output DIR`."""

    pairs: Path  # holds generated/NAME.mp4 and true/NAME.mp4, or a pairs.csv
    output: Path  # folder of the report; must be empty, or hold a report of the same inputs
    align: Literal["auto", "own", "true", "none"] = "auto"
    # own: each video is cut by its own first face, as the ETL cuts clips; true: both as the true
    # one, which must have pictures of the same size; auto: true where the faces lie in the same
    # place, else own; none: they are aligned 128 x 128 crops
    max_frames_apart: Annotated[int, Field(ge=0, le=25)] = 2  # at 25 Hz; more: the pair is left out
    max_seconds: Positive = 60.0  # longer videos are left out
    landmarks: Literal["judge", "insightface", "onnx"] = "insightface"
    # finds faces and measures landmarks; judge: the shipped model, for aligned drawn faces
    finder: LandmarksConfig = LandmarksConfig()  # paths of insightface's or onnx' models
    # detections whose mean a frame's landmarks are; not given: 4 in photographs, 1 in drawn faces
    landmark_average: Annotated[int, Field(ge=1, le=8)] | None = None
    identity: IdentityConfig = IdentityConfig()  # what says whether faces are one person's
    as_reported: bool = False  # also the report's faulty metrics, marked as such
    videos: Annotated[int, Field(ge=0, le=20)] = 4  # clips that play in report.html
    seed: Annotated[int, Field(ge=0)] = 0  # of the bootstrap
    tracking: ReportTrackingConfig = ReportTrackingConfig()  # MLflow gets the report

    @field_validator("align", mode="before")
    @classmethod
    def _true_is_the_true_video(cls, align: object) -> object:
        """Take `align=true` as the word: YAML reads it as a truth value."""
        return "true" if align is True else align

    @model_validator(mode="after")
    def _drawn_faces_are_aligned_already(self) -> "PairsConfig":
        if self.landmarks == "judge" and self.align != "none":
            raise ValueError(
                "landmarks is judge, which finds landmarks in aligned crops only, so align must be "
                "none; for videos of whole scenes use landmarks=insightface or landmarks=onnx"
            )
        return self
