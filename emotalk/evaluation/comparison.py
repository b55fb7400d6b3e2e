"""Compare a video with the true clip: the data that metrics read, and the form of a metric."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotalk.evaluation.face_embedder import FaceEmbedder
from emotalk.evaluation.identity_reference import IdentityReference, identity_reference
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.media.voiced_frames import voiced_frames
from emotalk.metrics.lip_sync import mouth_opening
from emotalk.schema import LANDMARKS, Bytes, Doubles, Floats
from emotalk.shards.clip import Clip
from emotalk.speech.phones import Phone

CPU = torch.device("cpu")


@dataclass(frozen=True)
class SpeechFacts:
    """Hold what metrics need of a clip's speech beyond its samples."""

    others: tuple[Floats, ...] = ()  # speech of clips with other sentences, mono at 8 kHz
    phones: tuple[Phone, ...] | None = None  # its sounds with their times; None where not known


@dataclass(frozen=True)
class Truth:
    """A true clip with the data that all of its comparisons share.

    The landmarks are those of the model that also detects the generated ones.
    """

    clip: Clip
    landmarks_TLP: Floats
    opening_T: Doubles
    voiced_T: NDArray[np.bool_]  # in which somebody speaks
    device: torch.device = CPU  # where image metrics compute
    identity: IdentityReference | None = None  # None: who it is is not measured
    speech: SpeechFacts = SpeechFacts()

    @property
    def frames_THWC(self) -> Bytes:
        """Return the true frames, uint8 RGB."""
        return self.clip.video_THWC


class Comparison(NamedTuple):
    """A video, uint8 RGB, beside the true clip of the same length."""

    frames_THWC: Bytes
    landmarks_TLP: Floats
    opening_T: Doubles
    truth: Truth


Direction = Literal["higher", "lower", "near_1", "near_truth"]
"""The good values of a quantity; `near_truth`: those of the true clips."""


class Quantity(NamedTuple):
    """Describe a quantity in reports."""

    label: str  # with the unit
    better: Direction
    digits: int  # after the point
    meaning: str = ""  # what the number says, in one sentence
    undefined: str = ""  # of which clips there is no number, in words; empty: there always is one


class Ceiling(NamedTuple):
    """A condition on the true clips under which a metric means something.

    If the mean of `quantity` in the row `truth`, by the lower end of its interval, is not above
    `above`, the metric's model cannot tell on these faces what it is asked. Then none of the
    metric's quantities is reported, and the report says so at its top.
    """

    quantity: str
    above: float  # what chance gives
    model: str  # what fails, e.g. "The lip-sync model"


class Metric(NamedTuple):
    """A function that measures one or more quantities of a comparison.

    `measure` returns NaN for a quantity that is undefined. A metric that also says something of the
    true video itself (`of_truth`) is measured on it: the quantity's ceiling. `measure_together`
    returns the same of several comparisons in one call, where that is quicker; those of one clip
    come in a row.
    """

    quantities: Mapping[str, Quantity]
    measure: Callable[[Comparison], dict[str, float]]
    needs_landmarks: bool = False
    of_truth: bool = False
    measure_together: Callable[[Sequence[Comparison]], list[dict[str, float]]] | None = None
    ceiling: Ceiling | None = None


def truth_of(
    clip: Clip,
    landmarks_TLP: Floats,
    *,
    device: torch.device = CPU,
    embedder: FaceEmbedder | None = None,
    speech: SpeechFacts = SpeechFacts(),
) -> Truth:
    """Return the clip with its detected landmarks and the data derived from them."""
    return Truth(
        clip=clip,
        landmarks_TLP=landmarks_TLP,
        opening_T=mouth_opening(landmarks_TLP),
        voiced_T=voiced_frames(clip.audio_S),
        device=device,
        identity=identity_reference(clip.video_THWC, landmarks_TLP, embedder),
        speech=speech,
    )


def compare(video_THWC: Bytes, landmarks_TLP: Floats, truth: Truth) -> Comparison:
    """Return a video and its landmarks beside the true clip."""
    return Comparison(video_THWC, landmarks_TLP, mouth_opening(landmarks_TLP), truth)


def detect_landmarks(videos: Sequence[Bytes], model: LandmarkModel | None) -> list[Floats]:
    """Return the landmarks (T, 68, 2) of each video, found in one call; NaN without a model."""
    frames = [len(video_THWC) for video_THWC in videos]
    if model is None or not videos:
        return [np.full((count, LANDMARKS, 2), np.nan, np.float32) for count in frames]
    found_NLP = model.landmarks(np.concatenate(videos))
    return np.split(found_NLP, np.cumsum(frames)[:-1])


def to_metrics(frames_THWC: Bytes) -> Tensor:
    """Return uint8 frames as float RGB in [0, 1], (1, T, 3, H, W)."""
    frames = torch.from_numpy(np.ascontiguousarray(frames_THWC)).permute(0, 3, 1, 2)
    return frames[None].float().div_(255)
