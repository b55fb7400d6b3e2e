"""Find and draw the inputs that come with the example model: faces and a recording of nobody.

    python -m emotalk.pretrained.example_inputs DIR

The people are drawn from another seed than those the model was trained on.
"""

import argparse
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from emotalk.faces.align import alignment, warp
from emotalk.media.lossless import flac_bytes
from emotalk.schema import Bytes
from emotalk.synthetic.clip import plan_clip
from emotalk.synthetic.photo_actor import make_person
from emotalk.synthetic.voice import VOICE_RATE

SEED = 900  # the example model's corpus has seed 7
PEOPLE = (1004, 1011, 1016)
SENTENCE = "IOM"  # "I'm on my way to the meeting"
LOUDEST = 0.9  # sample of the recording
SPEECH = "speech.flac"


def example_inputs() -> Path:
    """Return the folder of `face_1.png` to `face_3.png`, 128 x 128, and `speech.flac`."""
    return Path(str(files("emotalk.pretrained"))) / "example_inputs"


def draw_inputs(folder: Path) -> None:
    """Write three aligned faces and one recording; the same files each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, person in enumerate(PEOPLE, start=1):
        plan = plan_clip(make_person(SEED, person), SENTENCE, "neutral", "XX", SEED)
        frame_HWC: Bytes = next(plan.frames())
        crop_HWC = warp(frame_HWC, alignment(plan.landmarks_TLP[0]))
        Image.fromarray(crop_HWC).save(folder / f"face_{number}.png")
        if number == 1:
            loudest = float(np.abs(plan.audio_S).max())
            sound_S = np.float32(LOUDEST) * plan.audio_S / np.float32(loudest)
            (folder / SPEECH).write_bytes(flac_bytes(sound_S, rate=VOICE_RATE))


def main() -> None:
    """Write the inputs into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write them")
    draw_inputs(parser.parse_args().folder)


if __name__ == "__main__":
    main()
