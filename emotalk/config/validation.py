"""What is measured while a run learns, and what is kept of it."""

from typing import Annotated, Literal

from pydantic import Field

from emotalk.config.section import Count, Section


class ValidationConfig(Section):
    """Clips of the validation split, generated whole and compared with the truth."""

    every: Annotated[int, Field(ge=0)] = 250  # steps; 0 = only at the end
    clips: Annotated[int, Field(ge=0)] = 8  # 0 = no validation
    max_frames: Count = 75  # frames of a clip that are generated and compared
    landmarks: Literal["judge", "none"] = "none"  # who measures NLMD; judge: drawn faces only
    samples: Annotated[int, Field(ge=0)] = 6  # sample videos a validation, one an emotion


class CheckpointConfig(Section):
    """When the run's state is written and what stays on disk."""

    every: Annotated[int, Field(ge=0)] = 250  # steps; 0 = only at the end and on a signal
    keep_last: Count = 2
    keep_best: Literal["none", "validation/psnr_mouth", "validation/nlmd"] = "validation/psnr_mouth"
