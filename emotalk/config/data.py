"""Configure the data loader: windows of clips, batches, workers and remote shards."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, model_validator

from emotalk.config.section import Count, Positive, Section, Share

Margin = Annotated[int, Field(ge=0, le=1000)]
Repeats = Annotated[int, Field(ge=0, le=100)]


class BalanceConfig(Section):
    """Configure how many times a clip comes in an epoch: the same whole number every epoch."""

    emotions: Literal["off", "equal"] = "off"  # equal: rarer emotions are repeated more often
    low: Repeats = 1  # repeats of a clip with intensity below 0.5
    medium: Repeats = 1  # intensity from 0.5 to below 0.9
    high: Repeats = 1  # intensity of 0.9 and more
    unknown: Repeats = 1  # clips without a known intensity or emotion

    @model_validator(mode="after")
    def _something_is_left(self) -> "BalanceConfig":
        if not any((self.low, self.medium, self.high, self.unknown)):
            raise ValueError("low, medium, high and unknown are all 0: no clip would ever come")
        return self


class RemoteConfig(Section):
    """Configure the reading of remote shards (http, https, s3, pipe: ...)."""

    access: Literal["cache", "range"] = "cache"  # whole tars, or the bytes needed
    cache_dir: Path = Path("~/.cache/emotalk/shards")
    tries: Count = 5  # of one request before it counts as a fault
    backoff_s: Positive = 0.5  # wait before the second try; doubles with each
    stall_s: Positive = 60.0  # http: seconds without a byte after which a request has failed


class DataConfig(Section):
    """Configure the streaming loader."""

    frames: Count = 25  # frames of a window at 25 Hz; report and original: one second
    batch_size: Count = 2  # clips a step over all ranks together
    condition: Literal["first_frame", "neutral"] = "first_frame"
    speech_margin_frames: Margin = 8  # real frames of speech before and after the window
    speech_level: Literal["peak", "none"] = "peak"  # peak: divide by the clip's peak
    preceding_speech: Share = 0.0  # windows heard as the middle of a recording: after another clip
    other_speech: bool = False  # also read the speech of another clip (pair discriminator)
    babble_voices: NonNegativeInt = 0  # other clips mixed into the babble of speech augmentation
    balance: BalanceConfig = BalanceConfig()
    shuffle_shards: Count = 16  # shards whose samples are mixed; more shards need more reads
    workers: NonNegativeInt = 1  # reading processes of each rank; 0: in the training process
    prefetch: Count = 2  # batches each worker holds ready
    silence_s: Positive = 600.0  # seconds without a batch after which the workers count as lost
    cache_mib: NonNegativeInt = 0  # decoded clips kept in memory, MiB a worker; 0: decode again
    verify: bool = False  # sha256 of each tar at its first read by a worker
    on_fault: Literal["raise", "skip"] = "raise"  # skip: a bad sample is masked out of its batch
    remote: RemoteConfig = RemoteConfig()
