"""Draw the page's example pictures and speak its sentences: nobody's face and nobody's voice."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotalk.app.face_choice import jpeg_bytes
from emotalk.faces.align import align_image
from emotalk.schema import NEUTRAL, Bytes
from emotalk.synthetic.clip import ClipPlan, plan_clip
from emotalk.synthetic.photo_actor import make_person
from emotalk.synthetic.voice import VOICE_RATE

SEED = 5
SPEAKERS = ((1001, "IEO"), (1006, "DFA"), (1009, "ITH"))  # drawn people, and what they say


@dataclass(frozen=True)
class Example:
    """A picture, which is an aligned crop, and a recording."""

    picture: Path
    speech: Path


def make_examples(folder: Path) -> tuple[Example, ...]:
    """Write the example pictures and recordings to a folder; they are the same every time."""
    made = []
    for number, (person, sentence) in enumerate(SPEAKERS, 1):
        plan = plan_clip(make_person(SEED, person, "photo"), sentence, NEUTRAL, "XX", SEED)
        example = Example(folder / f"drawn_face_{number}.jpg", folder / f"sentence_{number}.wav")
        example.picture.write_bytes(jpeg_bytes(_crop(plan)))
        _write_sound(example.speech, plan)
        made.append(example)
    return tuple(made)


def _crop(plan: ClipPlan) -> Bytes:
    frame_HWC = next(plan.frames())
    crop_HWC, _, _ = align_image(frame_HWC, plan.landmarks_TLP[0])
    return crop_HWC


def _write_sound(path: Path, plan: ClipPlan) -> None:
    samples = np.rint(np.clip(plan.audio_S, -1.0, 1.0) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(VOICE_RATE)
        file.writeframes(samples.tobytes())
