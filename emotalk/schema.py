"""Define clips, aligned samples and rejections, their units and tensor letters.

Numpy only, so that the ETL's workers need no torch to speak of samples.

Tensor letters, used as the ending of names (`video_BTCHW`):
    B clips, T frames, C channels, H W pixels, S audio samples, M mel bins, L landmarks, P the two
    coordinates (x, y), E emotions, K classes of a discriminator (E and one for "fake"),
    D features, N = B * T frames of all clips.
Ranges: images uint8 [0, 255] in shards and batches, float [-1, 1] in networks, [0, 1] in metrics.
Audio is mono float in [-1, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emotalk.rejection_reasons import REASONS

FPS = 25
SAMPLE_RATE = 8000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
SIZE = 128
LANDMARKS = 68
FORMAT_VERSION = "emotalk-shards/1"

EMOTIONS: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
EMOTIONS_MEAD8: tuple[str, ...] = (*EMOTIONS, "contempt", "surprise")
NEUTRAL = "neutral"
UNKNOWN = "unknown"  # how tables, file names and messages show an unknown emotion or level
UNKNOWN_EMOTION = -1  # index of an unknown emotion in batches
SPLITS: tuple[str, ...] = ("train", "val", "test")

# iBUG 68 points, 0-based.
OUTER_EYE_CORNERS = (36, 45)
INNER_LIP_TOP_BOTTOM = (62, 66)
MOUTH = slice(48, 68)
MOUTH_POINTS = MOUTH.stop - MOUTH.start

Bytes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class ClipLabel:
    """Labels one clip, as its corpus does, before it is opened."""

    key: str  # unique name of the sample in its shard set; no dot, no slash
    clip: str  # the clip's name as its users know it (a path inside the source)
    actor: str  # the person in the clip; splits are made by it
    emotion: str | None  # one of the emotion set's names, or None where nobody labelled it
    intensity: float | None = None  # in [0, 1], or None where the corpus does not say
    # votes, view, sentence: kept in the sample's JSON as it is
    extra: dict[str, Any] = field(default_factory=dict)


class Word(NamedTuple):
    """A spoken word and its times in seconds, on the clock of its recording or sample."""

    word: str
    start: float
    end: float


class Sync(NamedTuple):
    """Hold a clip's lip-sync estimate and the shift that was made; see `lip_sync/estimate.py`."""

    offset: int  # frames; positive: the sound of the clip is late
    confidence: float  # in [0, 1]
    verdict: str
    shifted: int  # frames of the offset that were taken out of the sample


@dataclass(frozen=True)
class AlignedSample:
    """Hold an aligned clip: crop, sound and landmarks at 25 Hz."""

    label: ClipLabel
    frames_THWC: Bytes  # uint8 RGB, `SIZE` x `SIZE`
    audio_S: Floats  # mono float at `SAMPLE_RATE`, T * SAMPLES_PER_FRAME samples
    landmarks_TLP: Floats  # float32 in crop pixels, pixel centres at whole numbers
    transforms: Doubles  # similarities from source to crop pixels: (1, 2, 3), or by frame (N, 2, 3)
    source_sha256: str  # of the clip's file
    words: tuple[Word, ...] | None = None  # on the sample's clock; None where nobody timed them
    words_sha256: str = ""  # of the file with the word times
    sync: Sync | None = None  # None where it was not looked at
    # values that the checks measured, for `measures.jsonl`; part of no member
    measures: Mapping[str, float] = field(default_factory=dict)


class Rejection(Exception):  # noqa: N818  a result of checks, not a fault of the program
    """Raised when a clip is left out; it is counted and named, never replaced.

    Attributes:
        reason: fixed short name, one of `REASONS`, e.g. `no_face`.
        detail: the measured value and the limit.
        clip: the clip's name; empty until a caller that knows it fills it in.
        measures: values that the checks measured until then, by their names in `measures.jsonl`.
        picture_HWC: a small RGB picture of a frame that shows the reason; None without one.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        clip: str = "",
        *,
        measures: Mapping[str, float] | None = None,
    ) -> None:
        """Store the parts, which survive pickling between workers.

        Raises:
            ValueError: a reason that is not listed.
        """
        if reason not in REASONS:
            raise ValueError(f"rejection: {reason!r} is none of {', '.join(REASONS)}")
        super().__init__(reason, detail, clip)
        self.reason = reason
        self.detail = detail
        self.clip = clip
        self.measures: dict[str, float] = dict(measures or {})
        self.picture_HWC: Bytes | None = None

    @property
    def message(self) -> str:
        """Return the message for users: the value, the limit and the advice."""
        return f"{self.detail}; {REASONS[self.reason].advice}"

    def __str__(self) -> str:
        """Return the rejection as one readable line."""
        return f"{self.clip or 'clip'}: {self.reason}: {self.message}"


class HasShape(Protocol):
    """Describe anything with a shape, such as numpy arrays and torch tensors."""

    @property
    def shape(self) -> Sequence[int]:
        """Return the sizes of the axes."""
        ...


def check_shape(x: HasShape, spec: str, name: str) -> dict[str, int]:
    """Return the sizes of the named axes of `x`; raise if one is wrong.

    Args:
        x: an array or tensor.
        spec: one word an axis, a letter for any size or a number for that size: `"B T 3 H W"`.
            The same letter must have the same size wherever it stands.
        name: of `x` in the message.

    Raises:
        ValueError: the number of axes or the size of one is not as `spec` says.
    """
    axes = spec.split()
    shape = tuple(x.shape)
    if len(shape) != len(axes):
        raise ValueError(f"{name}: shape {shape} has {len(shape)} axes, expected ({spec})")
    sizes: dict[str, int] = {}
    for axis, size in zip(axes, shape, strict=True):
        wanted = int(axis) if axis.isdigit() else sizes.setdefault(axis, size)
        if size != wanted:
            raise ValueError(
                f"{name}: shape {shape}, axis {axis} is {size}, expected {wanted} of ({spec})"
            )
    return sizes
