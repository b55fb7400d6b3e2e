"""Draw aligned, labelled crops of people, to train and test the pretrained networks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emotalk.faces.align import alignment, warp
from emotalk.faces.shape import transform_points
from emotalk.schema import EMOTIONS, Bytes, Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.actor import FIRST_NUMBER, make_actor
from emotalk.synthetic.clip import CLIP_FPS, ClipPlan, plan_clip
from emotalk.synthetic.expression import ONSET_S
from emotalk.synthetic.motion import HeadPose, Motion
from emotalk.synthetic.sentences import SENTENCES

LEVELS = ("LO", "MD", "HI", "XX")


@dataclass(frozen=True)
class Portraits:
    """N crops of some actors, `frames` consecutive ones from each clip."""

    frames_NHWC: Bytes  # RGB, 128 x 128
    landmarks_NLP: Floats  # pixels of the crop
    emotion_N: np.ndarray[tuple[int], np.dtype[np.int64]]  # index in `schema.EMOTIONS`
    level_N: np.ndarray[tuple[int], np.dtype[np.int64]]  # index in `LEVELS`
    frames: int  # from each clip, all after the emotion's onset


def draw_portraits(
    seed: int, actors: Sequence[int], *, frames: int, progress: Callable[[], None]
) -> Portraits:
    """Return crops of `actors` (0, 1, ...) of the corpus `seed`: each emotion at each level.

    All crops of a clip are aligned by its first frame, as the ETL aligns clips. Each gives
    `frames` crops at random times after the emotion's onset. `progress` is called after each actor.
    """
    crops: list[Bytes] = []
    points: list[Floats] = []
    labels: list[tuple[int, int]] = []
    for number in actors:
        actor = make_actor(seed, FIRST_NUMBER + number)
        for emotion, level, sentence in _clips_of_actor(seed, number):
            plan = plan_clip(actor, sentence, EMOTIONS[emotion], LEVELS[level], seed)
            moments = _moments(plan, frames, numpy_generator(seed, "moments", number, len(crops)))
            for crop, landmarks in _crops(plan, moments):
                crops.append(crop)
                points.append(landmarks)
                labels.append((emotion, level))
        progress()
    label_N2 = np.array(labels, np.int64)
    return Portraits(np.stack(crops), np.stack(points), label_N2[:, 0], label_N2[:, 1], frames)


def _clips_of_actor(seed: int, number: int) -> Iterator[tuple[int, int, str]]:
    """Yield emotion, level and sentence of an actor's clips, cycling through the sentences."""
    sentences = sorted(SENTENCES)
    turn = int(numpy_generator(seed, "programme", number).integers(len(sentences)))
    for emotion in range(len(EMOTIONS)):
        for level in range(len(LEVELS)):
            yield emotion, level, sentences[turn % len(sentences)]
            turn += 5


def _moments(plan: ClipPlan, frames: int, generator: np.random.Generator) -> list[int]:
    first = int(np.ceil(ONSET_S * float(CLIP_FPS)))
    choice = generator.choice(np.arange(first, len(plan.pose.scale)), frames, replace=False)
    return sorted(int(moment) for moment in choice)


def _crops(plan: ClipPlan, moments: Sequence[int]) -> Iterator[tuple[Bytes, Floats]]:
    transform = alignment(plan.landmarks_TLP[0])
    chosen = _frames_of_plan(plan, moments)
    for frame, landmarks_LP in zip(chosen.frames(), chosen.landmarks_TLP, strict=True):
        yield warp(frame, transform), transform_points(transform, landmarks_LP).astype(np.float32)


def _frames_of_plan(plan: ClipPlan, moments: Sequence[int]) -> ClipPlan:
    """Return the plan with only the frames `moments`, so that no other frame is drawn."""
    chosen = list(moments)
    motion = plan.motion
    return replace(
        plan,
        motion=Motion(
            opening=motion.opening[chosen],
            spread=motion.spread[chosen],
            blink=motion.blink[chosen],
            gaze_x=motion.gaze_x[chosen],
            movements={name: track[chosen] for name, track in motion.movements.items()},
        ),
        pose=HeadPose(plan.pose.matrices_T23[chosen]),
    )
