"""Make a generator's inputs for a clip: its picture, speech and emotion."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from emotalk.checkpoints.load import LoadedGenerator
from emotalk.errors import WrongUse
from emotalk.inference.generate import ClipRequest
from emotalk.schema import NEUTRAL, Bytes, Floats
from emotalk.shards.clip import Clip
from emotalk.shards.sample_table import Sample

Condition = Literal["first_frame", "neutral"]


def condition_image(clip: Clip, condition: Condition) -> Bytes:
    """Return the picture that the generator gets for a clip, uint8 RGB (H, W, 3).

    Raises:
        ValueError: the clip has no still and `condition` is neutral.
    """
    if condition == "first_frame":
        return np.asarray(clip.video_THWC[0])
    if clip.neutral_HWC is None:
        raise ValueError(f"{clip.key}: condition neutral without a still")
    return clip.neutral_HWC


def clip_request(
    loaded: LoadedGenerator, clip: Clip, image_HWC: Bytes, speech_S: Floats
) -> ClipRequest:
    """Return the request for a clip's emotion, from any picture and speech.

    Raises:
        WrongUse: the generator does not know the emotion.
    """
    condition_CHW = np.ascontiguousarray(image_HWC.transpose(2, 0, 1))
    return ClipRequest(condition_CHW, speech_S, emotion_weights(loaded, clip), clip.key)


def knows_emotion(loaded: LoadedGenerator, clip: Clip) -> bool:
    """Return whether the generator knows the clip's emotion; one without is made as neutral."""
    return (clip.emotion or NEUTRAL) in loaded.facts.emotions


def emotion_weights(loaded: LoadedGenerator, clip: Clip) -> Floats:
    """Return the generator's emotion input for a clip, (E,).

    Raises:
        WrongUse: the generator does not know the emotion.
    """
    facts = loaded.facts
    place = emotion_place(loaded, clip)
    weights_E = np.zeros(len(facts.emotions), np.float32)
    known = facts.use_intensity and clip.emotion is not None and clip.intensity is not None
    weights_E[place] = clip.intensity if known else 1.0
    return weights_E


def refuse_unknown_emotions(loaded: LoadedGenerator, samples: Sequence[Sample]) -> None:
    """Refuse samples of an emotion that the generator does not know, before any is read.

    Raises:
        WrongUse: names the first one.
    """
    for sample in samples:
        emotion_place(loaded, sample)


def emotion_place(loaded: LoadedGenerator, clip: Clip | Sample) -> int:
    """Return the place of a clip's emotion in the generator's emotion input.

    Raises:
        WrongUse: the generator does not know the emotion.
    """
    known = loaded.facts.emotions
    emotion = clip.emotion or NEUTRAL  # the code that training gives to unlabelled clips
    if emotion not in known:
        raise WrongUse(
            f"{clip.key}: emotion {emotion}, but the checkpoint {loaded.folder} "
            f"knows {', '.join(known)}; give shards of the set it was trained on"
        )
    return known.index(emotion)
