"""Configure the judge of emotions in an evaluation."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from emotalk.config.section import Count, Positive, Section

Mean = Annotated[float, Field(ge=-1e6, le=1e6)]
Label = Annotated[str, Field(min_length=1, max_length=64)]
Strength = Annotated[float, Field(gt=0, le=1)]

# `emotion` was one word before it became a section: that word -> its `by`, where they differ
FORMER_NAMES = {"judge": "drawn"}


class PixelsConfig(Section):
    """Configure what an ONNX model gets: (pixel * scale - mean) / std of an aligned crop.

    Size, number of channels (3, or 1 for grey) and layout (NCHW or NHWC) are read from the model.
    """

    scale: Positive = 1 / 255  # 1: pixels from 0 to 255
    mean: Annotated[tuple[Mean, ...], Field(min_length=1, max_length=3)] = (0.0,)  # by channel
    std: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=3)] = (1.0,)
    order: Literal["rgb", "bgr", "grey"] = "rgb"  # of three channels; grey: three times the same
    cut: Annotated[float, Field(ge=0, le=0.4)] = 0.0  # of the crop's side, left away on each side

    @model_validator(mode="after")
    def _one_or_three_numbers(self) -> "PixelsConfig":
        for name in ("mean", "std"):
            if len(getattr(self, name)) == 2:
                raise ValueError(f"{name} has two numbers; give one for all channels, or three")
        return self


class FitConfig(Section):
    """Configure the classifier that is fitted to a shard set's training split."""

    clips: Annotated[int, Field(ge=24, le=10**5)] = 1200  # of training, over emotions and actors
    steps: Count = 1200  # of 12 clips each; two minutes of one core
    seed: Annotated[int, Field(ge=0)] = 0
    cache: Path = Path("~/.cache/emotalk/emotion_judges")  # fitted classifiers, by their inputs


class EmotionJudgeConfig(Section):
    """Configure who says which emotion a video shows.

    Values of `by`:
        auto: `drawn` where the manifest says that the faces are drawn, else `onnx` where `model`
            and `labels` are given, else `none`.
        drawn: the classifier that comes with the package.
        fitted: a classifier that is trained on the real clips of the set's training split.
        onnx: any classifier of expressions.
        none: emotions are not judged.

    The words `judge`, `auto` and `none` in place of the section are still read.
    """

    by: Literal["auto", "none", "drawn", "fitted", "onnx"] = "auto"
    model: Path | None = None  # onnx: the file
    labels: Annotated[tuple[Label, ...], Field(max_length=64)] = ()  # onnx: names of its outputs
    outputs: Literal["logits", "probabilities"] = "logits"  # onnx
    pixels: PixelsConfig = PixelsConfig()  # onnx
    trained_on: Annotated[str, Field(max_length=200)] = ""  # onnx: its data, for the report
    fit: FitConfig = FitConfig()  # fitted
    # a clip is generated at each strength if the model takes an intensity
    strengths: Annotated[tuple[Strength, ...], Field(min_length=2, max_length=20)] = (
        0.2, 0.4, 0.6, 0.8, 1.0,
    )  # fmt: skip
    strength_clips: Annotated[int, Field(ge=0)] = 12  # so many; 0: none

    @model_validator(mode="before")
    @classmethod
    def _read_the_former_value(cls, given: Any) -> Any:
        return {"by": FORMER_NAMES.get(given, given)} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _onnx_needs_file_and_labels(self) -> "EmotionJudgeConfig":
        if self.by == "onnx" and (self.model is None or not self.labels):
            raise ValueError(
                "emotion.by is onnx, so emotion.model must name a model file and emotion.labels "
                "its outputs in their order, e.g. "
                "'emotion.labels=[angry,disgust,fear,happy,sad,surprise,neutral]'"
            )
        return self
