"""Configure the content of a shard set and the job that makes it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from emotalk.config.section import Count, NonNegative, Positive, Section, Share
from emotalk.redaction import redact
from emotalk.schema import EMOTIONS, EMOTIONS_MEAD8

MeadView = Literal["front", "down", "top", "left_30", "left_60", "right_30", "right_60"]


class LandmarksConfig(Section):
    """Configure the model that finds the face and its 68 landmarks."""

    backend: Literal["insightface", "onnx", "sidecar"] = "insightface"
    pack: str = "buffalo_l"  # name of an insightface model pack
    root: Path = Path("~/.insightface")  # the folder that holds models/PACK
    detector: Path | None = None  # onnx: a YuNet model file
    landmarker: Path | None = None  # onnx: a 68-point model file
    det_size: Annotated[int, Field(ge=64, le=2048, multiple_of=32)] = 320  # pixels, square
    detect_every: Count = 100  # frames; 1: on each. Between, the face is tracked by its landmarks
    # cuda: insightface on the GPU, whose numbers differ from the CPU's in the last digits
    device: Literal["cpu", "cuda"] = Field(default="cpu", exclude_if=lambda name: name == "cpu")
    sidecar: str = "landmarks"  # sidecar: folder in the source with CLIP.npy, (T, 68, 2) in pixels

    @model_validator(mode="after")
    def _settings_fit_the_backend(self) -> "LandmarksConfig":
        if self.backend == "onnx" and (self.detector is None or self.landmarker is None):
            raise ValueError(
                "landmarks.backend is onnx, so landmarks.detector and landmarks.landmarker must "
                "name model files"
            )
        if self.device == "cuda" and self.backend != "insightface":
            raise ValueError(
                f"landmarks.device=cuda is of the backend insightface; backend is {self.backend}"
            )
        return self


class QualityConfig(Section):
    """Configure the conditions for accepting a clip."""

    min_face_share: Share = 1.0  # of the clip; below 1 the longest stretch with a face is kept
    min_face_pixels: NonNegative = 48.0  # longer side of the face box in the source, median frame
    max_faces: Count = 1
    max_extra_faces_share: Share = 0.1  # of frames with more faces, for errors of the detector
    min_mouth_share: Share = 1.0  # of frames: with the whole mouth inside the picture
    min_sharpness: NonNegative = 0.004  # see etl/clip/quality.py; faces in focus have 0.05 or more
    max_landmark_error: Positive = 18.0  # crop px to the template; faces 1 to 7, profiles 16
    max_landmark_drift: Positive = 0.08  # of the face's size, tracked against detected; faces: 0.03
    max_bad_landmarks_share: Share = 0.1  # of frames whose landmarks are not a whole, upright face
    min_crop_share: Share = 0.95  # of frames with eyes, nose and mouth inside the crop
    min_seconds: Positive = 0.4
    max_seconds: Positive = 60.0
    min_loudness_db: float = -60.0  # RMS of the whole clip, dB of full scale; silence lies below
    max_audio_gap_s: NonNegative = (
        0.3  # the sound may end this much earlier than the picture, which is cut
    )
    max_gap_share: Share = 0.3  # of the clip: gaps in the sound, filled with silence
    max_missing_s: NonNegative = 0.3  # both may end this much before the length in the header
    max_picture_change: Share = 0.25  # between two frames; more is a new shot; 1: not looked at
    max_face_jump: Positive | None = 16.0  # crop px in 1/25 s; more is a new shot; null: any
    min_face_motion: NonNegative = 0.4  # crop px, of parts of a face relative to it; 0: any
    # report: lips against sound are stored; correct: small offsets are shifted; reject: and larger
    # ones are left out, as are other voices; off: not looked at
    sync: Literal["off", "report", "correct", "reject"] = "report"
    max_sync_shift: Annotated[int, Field(ge=2, le=12)] = 6  # frames that a sample is shifted by


class StretchesConfig(Section):
    """Configure how recordings of a folder corpus that are too long for one clip are cut.

    Each stretch has one shot, one steady face and whole words; see etl/recording/README.md.
    """

    cut: bool = True  # false: files longer than quality.max_seconds are rejected (too_long)
    longer_than: Positive | None = None  # seconds; longer files are cut; None: quality.max_seconds
    min_seconds: Positive = 3.0
    max_seconds: Positive = 10.0  # at most quality.max_seconds
    min_pause_s: Positive = 0.2  # a shorter silence may be within a word: there is no cut in it
    min_voice_share: Share = 0.3  # of a stretch: time in which somebody speaks

    @model_validator(mode="after")
    def _shortest_below_longest(self) -> "StretchesConfig":
        if self.min_seconds > self.max_seconds:
            raise ValueError(
                f"stretches.min_seconds is {self.min_seconds:g}, more than stretches.max_seconds, "
                f"which is {self.max_seconds:g}"
            )
        return self


class VotesConfig(Section):
    """Configure the selection of clips by the votes of a crowd (CREMA-D)."""

    of: Literal["both", "voice", "face"] = "both"  # modality that was shown to the crowd
    min_agreement: Share = 0.0  # 1: the acted emotion won alone; 0.5: or tied with one; 0: all


class SplitConfig(Section):
    """Configure the assignment of actors or clips to splits.

    `auto` takes the committed lists where the source is the whole of CREMA-D, and else the shares.
    """

    method: Literal["auto", "shares", "crema_d", "last_sentences"] = "auto"
    by: Literal["actor", "clip"] = "actor"
    seed: int = 0
    shares: tuple[Share, Share, Share] = (0.7, 0.15, 0.15)  # train, val, test
    # at most so many clips of train, val, test, spread over people and emotions; null: all
    most: tuple[Count, Count, Count] | None = None

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "SplitConfig":
        if abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(f"split.shares must sum to 1, they sum to {sum(self.shares):g}")
        return self


class VideoMemberConfig(Section):
    """Configure the encoding of the aligned crops."""

    codec: Literal["libx264"] = "libx264"
    pixel_format: Literal["yuv444p", "yuv420p"] = "yuv444p"
    crf: Annotated[int, Field(ge=0, le=40)] = 12  # PSNR > 43 dB to the exact crops of real faces
    gop: Count = 6  # frames between key frames: short, so that a random window decodes quickly
    preset: str = "veryfast"
    tune: Literal["psnr,fastdecode", "fastdecode", "film", "psnr"] = "psnr,fastdecode"


class EtlConfig(Section):
    """Configure one job that turns a folder of raw clips into a shard set."""

    corpus: Literal["crema_d", "mead", "folder"]
    source: str
    output: Path  # s3://, gs:// ...: with `staging`; becomes output=STAGING publish=URL
    # folder that every worker sees, where a set for a URL is made
    staging: Path | None = Field(default=None, exclude_if=lambda folder: folder is None)
    # URL of object storage that the finished set is copied to
    publish: str | None = Field(default=None, exclude_if=lambda url: url is None)
    emotions: Literal["six", "mead8"] = "six"
    clips: str | None = None  # folder corpus: the CSV, when it is not SOURCE/clips.csv
    views: tuple[MeadView, ...] = ("front",)  # mead: the cameras to take
    landmarks: LandmarksConfig = LandmarksConfig()
    resampling: Literal["nearest", "blended"] = "nearest"  # to 25 fps: frames or blends
    align: Literal["first_frame", "every_frame"] = "first_frame"  # one crop, or it follows
    quality: QualityConfig = QualityConfig()
    stretches: StretchesConfig = StretchesConfig()
    votes: VotesConfig = VotesConfig()
    split: SplitConfig = SplitConfig()
    video: VideoMemberConfig = VideoMemberConfig()
    samples_per_shard: Count | Literal["auto"] = "auto"  # 64; 512 of more than 50,000 clips
    max_rejected_share: Share = 0.2
    max_crashes_in_a_row: Count = 10  # clips on one node; more crashes stop the job
    workers: Annotated[int, Field(ge=0)] = 0  # 0: one for each CPU of the Ray cluster
    ray_address: str | None = None  # None: RAY_ADDRESS, else a local cluster

    @model_validator(mode="before")
    @classmethod
    def _a_url_needs_a_folder_too(cls, given: Any) -> Any:
        """Return the settings with a URL in `output` as `publish`, and `staging` as `output`."""
        if not isinstance(given, dict):
            return given
        output, staging = str(given.get("output", "")), given.get("staging")
        if "://" not in output:
            return given
        if staging is None:
            raise ValueError(
                f"output={redact(output)} is object storage: also give staging=DIR, a folder that "
                "every worker sees; the set is made there and then copied"
            )
        return {**given, "output": staging, "publish": output, "staging": None}

    @model_validator(mode="after")
    def _settings_belong_to_their_corpus(self) -> "EtlConfig":
        if self.clips is not None and self.corpus != "folder":
            raise ValueError(f"clips is the folder corpus' table; corpus is {self.corpus}")
        if self.stretches != StretchesConfig() and self.corpus != "folder":
            raise ValueError(f"stretches are of the folder corpus; corpus is {self.corpus}")
        longer_than = self.stretches.longer_than or self.quality.max_seconds
        if longer_than > self.quality.max_seconds:
            raise ValueError(
                f"stretches.longer_than is {longer_than:g}, more than quality.max_seconds, which "
                f"is {self.quality.max_seconds:g}: clips between them would be rejected"
            )
        only = {"crema_d": "crema_d", "last_sentences": "mead"}.get(self.split.method)
        if only is not None and self.corpus != only:
            raise ValueError(
                f"split.method={self.split.method} is of the corpus {only}; corpus is {self.corpus}"
            )
        if self.votes.min_agreement > 0 and self.corpus != "crema_d":
            raise ValueError(f"votes.min_agreement is of CREMA-D's crowd; corpus is {self.corpus}")
        return self

    @property
    def cuts_recordings(self) -> bool:
        """Return whether files that are too long for a clip are cut into stretches."""
        return self.corpus == "folder" and self.stretches.cut

    @property
    def clip_limits(self) -> QualityConfig:
        """Return the conditions for a whole file: the longest one is not cut."""
        longest_s = self.stretches.longer_than if self.cuts_recordings else None
        return self.quality.model_copy(
            update={"max_seconds": longest_s or self.quality.max_seconds}
        )

    @property
    def stretch_seconds(self) -> tuple[float, float]:
        """Return the length of the shortest and of the longest stretch; both limits hold."""
        shortest_s = max(self.stretches.min_seconds, self.quality.min_seconds)
        return shortest_s, min(self.stretches.max_seconds, self.quality.max_seconds)

    @property
    def emotion_names(self) -> tuple[str, ...]:
        """Return the names of the emotion set, in the order of their indices."""
        return EMOTIONS if self.emotions == "six" else EMOTIONS_MEAD8
