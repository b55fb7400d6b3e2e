"""Make a clip of the synthetic corpus in memory."""

from dataclasses import dataclass

import numpy as np

from emotalk.schema import Bytes, Floats
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.clip import ClipPlan, plan_clip
from emotalk.synthetic.geometry import mouth_gap


@dataclass(frozen=True)
class DrawnClip:
    """Hold a finished clip.

    Attributes:
        frames_THWC: uint8 RGB, (T, 360, 480, 3).
        landmarks_TLP: float32 (T, 68, 2) in pixels of the frame, iBUG order, exact.
        audio_S: float32 in [-1, 1] at 44.1 kHz; as long as the frames.
        mouth_gap_T: see `mouth_gap_in_pixels`.
    """

    frames_THWC: Bytes
    landmarks_TLP: Floats
    audio_S: Floats
    mouth_gap_T: Floats


def render_clip(actor: Actor, sentence: str, emotion: str, level: str, seed: int) -> DrawnClip:
    """Return the clip of `plan_clip` with its pixels."""
    plan = plan_clip(actor, sentence, emotion, level, seed)
    return DrawnClip(
        frames_THWC=np.stack(list(plan.frames())),
        landmarks_TLP=plan.landmarks_TLP,
        audio_S=plan.audio_S,
        mouth_gap_T=mouth_gap_in_pixels(plan),
    )


def mouth_gap_in_pixels(plan: ClipPlan) -> Floats:
    """Return the distance between the inner lips in the frame's pixels, (T,); 0 is closed."""
    return np.asarray(mouth_gap(plan.actor.shape, plan.motion) * plan.pose.scale, np.float32)
