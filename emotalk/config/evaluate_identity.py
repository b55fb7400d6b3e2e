"""Configure the model that says how alike two faces are."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from emotalk.config.evaluate_emotion import PixelsConfig
from emotalk.config.section import Count, Section


class IdentityConfig(Section):
    """Configure the embedding of faces whose cosine is the figure of identity."""

    by: Literal["auto", "none", "insightface", "onnx"] = "auto"
    # auto: `model` if it is given, else the recognition model of the set's insightface pack if
    # that has one, else none; insightface: of the pack finder.pack; onnx: the file `model`
    model: Path | None = None  # an ONNX file: an aligned face (112 x 112 as a rule) -> a vector
    pixels: PixelsConfig = PixelsConfig(scale=1 / 127.5, mean=(1.0,))  # ArcFace's: -1 to 1
    frames: Count = 5  # of a clip, spread evenly, whose vectors are averaged

    @model_validator(mode="after")
    def _onnx_needs_its_file(self) -> "IdentityConfig":
        if self.by == "onnx" and self.model is None:
            raise ValueError("identity.by is onnx, so identity.model must name a model file")
        if self.model is not None and self.by in ("none", "insightface"):
            raise ValueError(
                f"identity.model is given, but identity.by is {self.by}, which does not use it; "
                "set identity.by=onnx or leave one of them out"
            )
        if self.pixels.cut:
            raise ValueError("identity.pixels.cut is not used: faces are aligned by landmarks")
        return self
