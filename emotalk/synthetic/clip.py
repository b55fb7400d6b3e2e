"""Plan one clip: a person says a sentence with an emotion; video, sound and landmarks together."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from emotalk.errors import WrongUse
from emotalk.schema import NEUTRAL, Bytes, Doubles, Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.actor import Actor
from emotalk.synthetic.arrival import arriving
from emotalk.synthetic.articulation import Articulation, articulate
from emotalk.synthetic.camera import take_frame
from emotalk.synthetic.expression import LEVELS, PROSODIES, movements
from emotalk.synthetic.face import draw_frames
from emotalk.synthetic.frame import FACE_ORIGIN
from emotalk.synthetic.landmarks import face_landmarks
from emotalk.synthetic.lens import bend_points
from emotalk.synthetic.microphone import record
from emotalk.synthetic.motion import HeadPose, Motion, head_pose
from emotalk.synthetic.sentences import SENTENCES
from emotalk.synthetic.voice import VOICE_RATE, Delivery, speak

CLIP_FPS = Fraction(30_000, 1_001)
OPENING_OF_NEUTRAL_SPEECH = 0.88
BLINK_S = 0.16


@dataclass(frozen=True)
class ClipPlan:
    """Everything of a clip but its pixels."""

    actor: Actor
    motion: Motion  # of the face, over T frames
    pose: HeadPose  # of the head, over T frames
    articulation: Articulation  # the track that moves the mouth and makes the voice
    audio_S: Floats  # float32 at `VOICE_RATE`
    fps: Fraction = CLIP_FPS  # frames a second

    @property
    def landmarks_TLP(self) -> Floats:
        """Return the exact 68 landmarks in the frame's pixels, pixel centres at integers."""
        landmarks_TLP = self.pose.place(face_landmarks(self.actor.shape, self.motion))
        camera = self.actor.camera
        return landmarks_TLP if camera is None else bend_points(camera.lens, landmarks_TLP)

    def frames(self) -> Iterator[Bytes]:
        """Yield the frames, uint8 RGB (360, 480, 3)."""
        camera = self.actor.camera
        for frame in draw_frames(self.actor, self.motion, self.pose):
            yield frame if camera is None else take_frame(camera, frame)


def plan_clip(
    actor: Actor,
    sentence: str,
    emotion: str,
    level: str,
    seed: int,
    fps: Fraction = CLIP_FPS,
) -> ClipPlan:
    """Return a clip; the same arguments give the same pixels, samples and landmarks.

    Args:
        actor: the speaker, from `make_actor`.
        sentence: one of CREMA-D's twelve codes, e.g. `IEO`.
        emotion: a name of `schema.EMOTIONS`.
        level: `LO`, `MD`, `HI`, or `XX` for unspecified (0.85 of `HI`).
        seed: of tempo, melody, blinks and head motion.
        fps: frames a second.

    Raises:
        WrongUse: no such sentence, emotion or level.
    """
    _check_choice("sentence", sentence, tuple(SENTENCES))
    _check_choice("emotion", emotion, tuple(PROSODIES))
    _check_choice("level", level, tuple(LEVELS))
    key = ("clip", actor.number, sentence, emotion, level)
    speech = numpy_generator(seed, *key, "speech")
    prosody = PROSODIES[emotion].at(LEVELS[level])
    articulation = articulate(
        SENTENCES[sentence],
        tempo=actor.tempo * prosody.tempo * float(speech.uniform(0.95, 1.05)),
        opening_gain=OPENING_OF_NEUTRAL_SPEECH * prosody.opening,
        silence_s=(float(speech.uniform(0.25, 0.40)), float(speech.uniform(0.22, 0.32))),
    )
    delivery = Delivery(
        pitch_hz=actor.pitch_hz * prosody.pitch * float(speech.uniform(0.97, 1.03)),
        pitch_range=prosody.pitch_range,
        energy=prosody.energy,
        breath=prosody.breath,
        tremble=prosody.tremble,
        tract=actor.tract,
    )
    sound_S = speak(articulation, delivery, speech)
    if actor.microphone is not None:
        sound_S = record(actor.microphone, sound_S, speech)
    times_s = np.arange(round(articulation.duration_s * fps)) / float(fps)
    life = numpy_generator(seed, *key, "life")
    motion = _motion(articulation, emotion, level, times_s, life)
    if actor.arrives and emotion == NEUTRAL:
        motion = arriving(motion, times_s, numpy_generator(seed, *key, "arrival"))
    return ClipPlan(
        actor=actor,
        motion=motion,
        pose=_head_motion(times_s, life),
        articulation=articulation,
        audio_S=_as_long_as_frames(sound_S, len(times_s), fps),
        fps=fps,
    )


def _check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise WrongUse(f"synthetic clip: no {what} {value!r}; choose one of {', '.join(allowed)}")


def _as_long_as_frames(audio_S: Floats, frames: int, fps: Fraction) -> Floats:
    """Return the sound, cut or extended with its last silence to the length of the frames."""
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
    """Return the blinks, 0 open to 1 shut: one every few seconds, none in the first 0.2 s."""
    shut = np.zeros_like(times_s)
    at_s = float(life.uniform(0.35, 2.2))
    while at_s < times_s[-1]:
        distance = np.abs(times_s - at_s) / BLINK_S
        shut = np.maximum(shut, np.clip(1.3 - 2.0 * distance, 0.0, 1.0))
        at_s += float(life.uniform(1.6, 4.0))
    return shut * shut * (3.0 - 2.0 * shut)


def _wander(times_s: Doubles, life: np.random.Generator, rate_hz: float) -> Doubles:
    """Return a slow smooth random motion within about -1 to 1, different for each call."""
    waves = [
        np.sin(2 * np.pi * rate_hz * factor * times_s + life.uniform(0, 2 * np.pi))
        for factor in (0.43, 0.71, 1.0)
    ]
    return np.asarray(sum(waves) / 2.0)


def _head_motion(times_s: Doubles, life: np.random.Generator) -> HeadPose:
    """Return the head's slight sway, independent of the speech."""
    x, y = FACE_ORIGIN
    at_x, at_y = life.uniform(-8.0, 8.0), life.uniform(-5.0, 5.0)
    size = life.uniform(0.96, 1.04)
    return head_pose(
        angle=np.deg2rad(1.3 * _wander(times_s, life, 0.6) + life.uniform(-1.0, 1.0)),
        scale=size * (1.0 + 0.008 * _wander(times_s, life, 0.4)),
        x=x + at_x + 2.2 * _wander(times_s, life, 0.6),
        y=y + at_y + 1.6 * _wander(times_s, life, 0.7),
    )
