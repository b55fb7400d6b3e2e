"""Make the pictures of the README from the example model and its inputs.

    python launch/example_pictures.py emotalk/pretrained/example_pictures

- `talking.gif`: one face with every emotion, as `emotalk generate --all-emotions` shows it.
- `emotions_light.png`, `emotions_dark.png`: three faces with every emotion, for a white page and
  for a dark one; each shows the frame in which the mouth is widest open.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.inference.generate import ClipRequest, generate_clips
from emotalk.inference.panels import PanelGrid
from emotalk.inference.speech import read_speech
from emotalk.inference.video import STATEMENT
from emotalk.media.gif import encode_gif
from emotalk.metrics.lip_sync import mouth_opening
from emotalk.pretrained.example_inputs import SPEECH, example_inputs
from emotalk.pretrained.example_model import example_folder
from emotalk.pretrained.load import load_landmark_model
from emotalk.schema import FPS, SIZE, Bytes

PAGES = {"light": ((255, 255, 255), (31, 35, 40)), "dark": ((13, 17, 23), (230, 237, 243))}
GAP, LABEL = 4, 22  # pixels


def every_emotion(loaded: LoadedGenerator, face_HWC: Bytes) -> list[Bytes]:
    """Return a video (T, 128, 128, 3) of the example's speech for each emotion of the model."""
    sound = read_speech(example_inputs() / SPEECH).speech
    speech_S = sound.read(0, sound.size)
    emotions = len(loaded.facts.emotions)
    face_CHW = np.ascontiguousarray(face_HWC.transpose(2, 0, 1))
    requests = [
        ClipRequest(face_CHW, speech_S, weights) for weights in np.eye(emotions, dtype=np.float32)
    ]
    return generate_clips(loaded, requests)


def widest(video_THWC: Bytes) -> Bytes:
    """Return the frame (128, 128, 3) in which the mouth is widest open."""
    landmarks_TLP = load_landmark_model().landmarks(video_THWC)
    frame_HWC: Bytes = video_THWC[int(mouth_opening(landmarks_TLP).argmax())]
    return frame_HWC


def draw_grid(rows: Sequence[Sequence[Bytes]], labels: Sequence[str], page: str) -> Image.Image:
    """Return the frames as rows under their labels, in the colours of a page."""
    background, ink = PAGES[page]
    step = SIZE + GAP
    canvas = Image.new("RGB", (len(labels) * step - GAP, LABEL + len(rows) * step), background)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(14)
    for column, label in enumerate(labels):
        draw.text((column * step + SIZE / 2, LABEL / 2), label, fill=ink, font=font, anchor="mm")
        for row, frames in enumerate(rows):
            canvas.paste(Image.fromarray(frames[column]), (column * step, LABEL + row * step))
    return canvas


def main() -> None:
    """Write the pictures into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write them")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_generator(example_folder())
    emotions = loaded.facts.emotions
    faces = [
        np.asarray(Image.open(path).convert("RGB"))
        for path in sorted(example_inputs().glob("face_*.png"))
    ]
    videos = [every_emotion(loaded, face_HWC) for face_HWC in faces]
    rows = [[widest(video_THWC) for video_THWC in of_face] for of_face in videos]
    for page in PAGES:
        draw_grid(rows, emotions, page).save(folder / f"emotions_{page}.png")
    grid_THWC = PanelGrid(emotions, height=SIZE, width=SIZE).compose(videos[0])
    encode_gif(folder / "talking.gif", grid_THWC[::2], fps=FPS // 2, comment=STATEMENT)


if __name__ == "__main__":
    main()
