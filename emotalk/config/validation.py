"""Configure validation and checkpoints."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from emotalk.config.etl import LandmarksConfig
from emotalk.config.section import Count, Section


class ValidationConfig(Section):
    """Configure validation: generated clips of the validation split are compared with real ones."""

    every: Annotated[int, Field(ge=0)] = 250  # steps; 0 = only at the end
    clips: Annotated[int, Field(ge=0)] = 8  # 0 = no validation
    max_frames: Count = 75  # frames of a clip that are generated and compared
    landmarks: Literal["judge", "insightface", "onnx", "none"] = "none"
    # model that finds the landmarks for NLMD and the mouth's correlation; judge: drawn faces only
    finder: LandmarksConfig = LandmarksConfig()  # paths of insightface's or onnx' models
    samples: Annotated[int, Field(ge=0)] = 6  # sample videos, one for each emotion

    @model_validator(mode="after")
    def _onnx_needs_its_files(self) -> "ValidationConfig":
        named = (self.finder.detector, self.finder.landmarker)
        if self.landmarks == "onnx" and None in named:
            raise ValueError(
                "validation.landmarks is onnx, so validation.finder.detector and "
                "validation.finder.landmarker must name model files"
            )
        return self


class CheckpointConfig(Section):
    """Configure how often checkpoints are saved, and which stay on disk."""

    every: Annotated[int, Field(ge=0)] = 250  # steps; 0 = only at the end and on a signal
    keep_last: Count = 2
    keep_best: Literal["none", "validation/psnr_mouth", "validation/nlmd"] = "validation/psnr_mouth"
    # s3://, gs:// ...: each checkpoint is copied there in the background, and a run folder without
    # one as new goes on from there
    mirror: str | None = Field(default=None, exclude_if=lambda url: url is None)
