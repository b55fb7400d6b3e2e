"""Make plain clips, and stand-ins for the landmark model and the emotion classifier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from emotalk.evaluation.comparison import Truth, detect_landmarks, truth_of
from emotalk.evaluation.landmark_models import LandmarkModel
from emotalk.faces.template import template_LP
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME, SIZE, Bytes, Floats
from emotalk.shards.clip import Clip


def noise_frames(seed: int, frames: int) -> Bytes:
    """Return frames of smooth noise that differ from one another, uint8 (T, H, W, 3)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    small = rng.integers(40, 216, (frames, 8, 8, 3))
    return small.repeat(SIZE // 8, 1).repeat(SIZE // 8, 2).astype(np.uint8)


def face_TLP(openings: Sequence[float], *, shift: float = 0.0) -> Floats:
    """Return the template with the inner lips so many pixels apart in each frame."""
    faces = np.repeat(template_LP()[None], len(openings), 0)
    faces[:, 66, 1] = faces[:, 62, 1] + np.asarray(openings)
    faces[:, 66, 0] = faces[:, 62, 0]
    return (faces + shift).astype(np.float32)


def plain_clip(
    key: str = "a_1",
    *,
    frames: int = 12,
    seed: int = 0,
    actor: str = "a",
    emotion: str | None = "anger",
    intensity: float | None = 0.5,
    still: bool = True,
) -> Clip:
    """Return a clip of noise with a tone as its speech; its still is like none of its frames."""
    t = np.arange(frames * SAMPLES_PER_FRAME) / SAMPLE_RATE
    return Clip(
        key=key,
        actor=actor,
        emotion=emotion,
        intensity=intensity,
        video_THWC=noise_frames(seed, frames),
        audio_S=(0.3 * np.sin(2 * np.pi * (100 + seed) * t)).astype(np.float32),
        landmarks_TLP=face_TLP([4.0] * frames),
        neutral_HWC=noise_frames(seed + 1000, 1)[0] if still else None,
        json={},
    )


@dataclass
class ToldLandmarks:
    """Return the landmarks that `told` gives for frames, and keep the frames."""

    told: Callable[[Bytes], npt.NDArray[Any]]
    name: str = "told"
    shown: list[Bytes] = field(default_factory=list)

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the landmarks for these frames."""
        self.shown.append(frames_THWC)
        return np.asarray(self.told(frames_THWC), np.float32)


@dataclass
class BrightnessJudge:
    """See the emotion whose index is the summed brightness of the first frame, modulo six."""

    shown: list[Bytes] = field(default_factory=list)
    name: str = "brightness"

    def probabilities(self, frames_THWC: Bytes) -> Floats:
        """Return 0.7 for an emotion that depends on every pixel of the first frame."""
        self.shown.append(frames_THWC)
        shares = np.full(7, 0.05, np.float32)
        shares[int(frames_THWC[0].astype(np.int64).sum() % 6)] = 0.7
        return shares


def prepare_truth(clip: Clip, model: LandmarkModel | None) -> Truth:
    """Return the clip with its landmarks by `model` and the data derived from them."""
    return truth_of(clip, *detect_landmarks([clip.video_THWC], model))
