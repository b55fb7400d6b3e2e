"""Configure an evaluation: its clips, its metrics and the models that measure them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from emotalk.config.data import RemoteConfig
from emotalk.config.etl import LandmarksConfig
from emotalk.config.evaluate_emotion import EmotionJudgeConfig
from emotalk.config.evaluate_identity import IdentityConfig
from emotalk.config.evaluate_tracking import ReportTrackingConfig
from emotalk.config.section import Count, Section
from emotalk.config.shards import Shards


class EvaluateConfig(Section):
    """Configure `emotalk evaluate --checkpoint C --shards DIR --split test --output DIR`."""

    checkpoint: Path  # run folder, RUN/checkpoints/best, a checkpoint or an exported model
    baseline: Path | None = None  # another model, e.g. an imported original, for the same clips
    shards: Shards  # folder or URL, or a list of them
    output: Path  # folder of the report; must be empty, or hold a report of the same inputs
    split: Literal["train", "val", "test"] = "test"
    clips: Annotated[int, Field(ge=0)] = 0  # spread over actors and emotions; 0 = all
    condition: Literal["first_frame", "neutral"] = "first_frame"  # emotions: always neutral
    other_speech: Literal["generate", "curve"] = "generate"
    # generate: generate each clip again with another sentence's speech; curve: compare with the
    # mouth of the clip generated for another sentence (a third faster; lip sync only)
    landmarks: Literal["auto", "judge", "insightface", "onnx", "none"] = "auto"
    # auto: the model that found the set's own landmarks; judge: for drawn faces without a detector
    # paths of insightface's or onnx' models; not given: where the ETL found them
    finder: LandmarksConfig = LandmarksConfig()
    # detections whose mean a frame's landmarks are; not given: 4 in photographs, 1 in drawn faces
    landmark_average: Annotated[int, Field(ge=1, le=8)] | None = None
    emotion: EmotionJudgeConfig = EmotionJudgeConfig()  # who says which emotion a video shows
    identity: IdentityConfig = IdentityConfig()  # what says whether faces are one person's
    as_reported: bool = False  # also the report's faulty metrics, marked as such
    videos: Annotated[int, Field(ge=0, le=24)] = 6  # clips whose videos report.html shows
    # dB: signal-to-noise ratios at which clips are made again, e.g. [20, 10, 5, 0]; none: no curve
    noise_db: tuple[Annotated[float, Field(ge=-20, le=60)], ...] = ()
    noise_kind: Literal["white", "pink"] = "pink"
    noise_clips: Count = 12  # of the evaluated ones
    drift_seconds: Literal[0, 8, 30, 120] = 0  # length of one video of joined clips; 0: none
    ema: bool = True  # use the running average of the weights if the checkpoint has one
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: Count = 8  # clips generated together
    clips_in_memory: Count = 4  # clips generated and measured before the next are read
    # processes that share the clips, each with one thread; 0: one a core where there are clips
    # enough, at most 8, and 1 on a GPU
    processes: Annotated[int, Field(ge=0, le=256)] = 0
    seed: Annotated[int, Field(ge=0)] = 0  # of the noise, the choice of clips and the bootstrap
    remote: RemoteConfig = RemoteConfig()  # shards at a URL
    tracking: ReportTrackingConfig = ReportTrackingConfig()  # MLflow gets the report
