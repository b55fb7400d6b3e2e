"""One clip: a person says a sentence with an emotion; pixels, sound and landmarks on one clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from emotalk.errors import WrongUse
from emotalk.schema import Bytes, Doubles, Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.articulation import Articulation, articulate
from emotalk.synthetic.expression import LEVELS, MANNERS, movements
from emotalk.synthetic.face import draw_frames
from emotalk.synthetic.geometry import HeadPose, Motion, face_landmarks, head_pose, mouth_gap
from emotalk.synthetic.scene import FACE_ORIGIN
from emotalk.synthetic.sentences import SENTENCES
from emotalk.synthetic.voice import VOICE_RATE, Delivery, speak

CLIP_FPS = Fraction(30_000, 1_001)
OPENING_OF_NEUTRAL_SPEECH = 0.88
BLINK_S = 0.16


@dataclass(frozen=True)
class ClipPlan:
    """Everything about a clip but its pixels.

    Attributes:
        motion: what moves in the face, over T frames.
        pose: where the head is, over T frames.
        articulation: the track behind mouth and voice.
        audio_S: float32 at `VOICE_RATE`.
        fps: frames a second.
    """

    actor: Actor
    motion: Motion
    pose: HeadPose
    articulation: Articulation
    audio_S: Floats
    fps: Fraction = CLIP_FPS

    @property
    def landmarks_TLP(self) -> Floats:
        """The exact 68 landmarks in the frame's pixels, pixel centres at whole numbers."""
        return self.pose.place(face_landmarks(self.actor.shape, self.motion))

    @property
    def mouth_gap_T(self) -> Floats:
        """Distance between the inner lips in the frame's pixels."""
        return np.asarray(mouth_gap(self.actor.shape, self.motion) * self.pose.scale, np.float32)

    def frames(self) -> Iterator[Bytes]:
        """Yield the frames, uint8 RGB (360, 480, 3)."""
        return draw_frames(self.actor, self.motion, self.pose)


@dataclass(frozen=True)
class SyntheticClip:
    """A finished clip.

    Attributes:
        frames_THWC: uint8 RGB, (T, 360, 480, 3).
        landmarks_TLP: float32 (T, 68, 2) in pixels of the frame, iBUG order, exact.
        audio_S: float32 in [-1, 1] at `audio_rate`; as long as the frames.
        mouth_gap_T: float32, pixels between the inner lips; 0 is closed.
        fps: frames a second.
        audio_rate: samples a second.
    """

    frames_THWC: Bytes
    landmarks_TLP: Floats
    audio_S: Floats
    mouth_gap_T: Floats
    fps: Fraction = CLIP_FPS
    audio_rate: int = VOICE_RATE


def render_clip(actor: Actor, sentence: str, emotion: str, level: str, seed: int) -> SyntheticClip:
    """Return a clip in memory; the same arguments give the same pixels, samples and landmarks.

    Args:
        actor: who speaks, from `make_actor`.
        sentence: one of CREMA-D's twelve codes, e.g. `IEO`.
        emotion: a name of `schema.EMOTIONS`.
        level: `LO`, `MD`, `HI`, or `XX` for unsaid (acted at 0.85 of `HI`).
        seed: of tempo, melody, blinks and head motion.
    """
    plan = plan_clip(actor, sentence, emotion, level, seed)
    return SyntheticClip(
        frames_THWC=np.stack(list(plan.frames())),
        landmarks_TLP=plan.landmarks_TLP,
        audio_S=plan.audio_S,
        mouth_gap_T=plan.mouth_gap_T,
    )


def plan_clip(
    actor: Actor,
    sentence: str,
    emotion: str,
    level: str,
    seed: int,
    fps: Fraction = CLIP_FPS,
) -> ClipPlan:
    """Return everything about the clip that `render_clip` would draw, at `fps` frames a second.

    Raises:
        WrongUse: no such sentence, emotion or level.
    """
    _check_choice("sentence", sentence, tuple(SENTENCES))
    _check_choice("emotion", emotion, tuple(MANNERS))
    _check_choice("level", level, tuple(LEVELS))
    key = ("clip", actor.number, sentence, emotion, level)
    speech = numpy_generator(seed, *key, "speech")
    manner = MANNERS[emotion].at(LEVELS[level])
    articulation = articulate(
        SENTENCES[sentence],
        tempo=actor.tempo * manner.tempo * float(speech.uniform(0.95, 1.05)),
        opening_gain=OPENING_OF_NEUTRAL_SPEECH * manner.opening,
        silence_s=(float(speech.uniform(0.25, 0.40)), float(speech.uniform(0.22, 0.32))),
    )
    delivery = Delivery(
        pitch_hz=actor.pitch_hz * manner.pitch * float(speech.uniform(0.97, 1.03)),
        pitch_range=manner.pitch_range,
        energy=manner.energy,
        breath=manner.breath,
        tremble=manner.tremble,
        tract=actor.tract,
    )
    times_s = np.arange(round(articulation.duration_s * fps)) / float(fps)
    life = numpy_generator(seed, *key, "life")
    return ClipPlan(
        actor=actor,
        motion=_motion(articulation, emotion, level, times_s, life),
        pose=_head_motion(times_s, life),
        articulation=articulation,
        audio_S=_as_long_as_frames(speak(articulation, delivery, speech), len(times_s), fps),
        fps=fps,
    )


def _check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise WrongUse(f"synthetic clip: no {what} {value!r}; choose one of {', '.join(allowed)}")


def _as_long_as_frames(audio_S: Floats, frames: int, fps: Fraction) -> Floats:
    """Return the sound cut or filled with its own last silence to the length of the frames."""
    wanted = round(frames / fps * VOICE_RATE)
    missing = max(0, wanted - len(audio_S))
    return np.concatenate([audio_S, audio_S[len(audio_S) - missing :][::-1]])[:wanted]


def _motion(
    articulation: Articulation,
    emotion: str,
    level: str,
    times_s: Doubles,
    life: np.random.Generator,
) -> Motion:
    return Motion(
        opening=articulation.at(articulation.opening, times_s),
        spread=articulation.at(articulation.spread, times_s),
        blink=_blinks(times_s, life),
        gaze_x=_wander(times_s, life, 0.5),
        movements=movements(emotion, level, times_s),
    )


def _blinks(times_s: Doubles, life: np.random.Generator) -> Doubles:
    """Return 0 (open) to 1 (shut): a blink every few seconds, none in the first 0.2 s."""
    shut = np.zeros_like(times_s)
    at_s = float(life.uniform(0.35, 2.2))
    while at_s < times_s[-1]:
        distance = np.abs(times_s - at_s) / BLINK_S
        shut = np.maximum(shut, np.clip(1.3 - 2.0 * distance, 0.0, 1.0))
        at_s += float(life.uniform(1.6, 4.0))
    return shut * shut * (3.0 - 2.0 * shut)


def _wander(times_s: Doubles, life: np.random.Generator, rate_hz: float) -> Doubles:
    """Return slow smooth wandering within about -1 to 1, each call another."""
    waves = [
        np.sin(2 * np.pi * rate_hz * factor * times_s + life.uniform(0, 2 * np.pi))
        for factor in (0.43, 0.71, 1.0)
    ]
    return np.asarray(sum(waves) / 2.0)


def _head_motion(times_s: Doubles, life: np.random.Generator) -> HeadPose:
    """Return the head's slight sway; it knows nothing of the speech."""
    x, y = FACE_ORIGIN
    at_x, at_y = life.uniform(-8.0, 8.0), life.uniform(-5.0, 5.0)
    size = life.uniform(0.96, 1.04)
    return head_pose(
        angle=np.deg2rad(1.3 * _wander(times_s, life, 0.6) + life.uniform(-1.0, 1.0)),
        scale=size * (1.0 + 0.008 * _wander(times_s, life, 0.4)),
        x=x + at_x + 2.2 * _wander(times_s, life, 0.6),
        y=y + at_y + 1.6 * _wander(times_s, life, 0.7),
    )
