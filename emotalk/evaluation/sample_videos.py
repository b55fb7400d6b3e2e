"""Write sample videos of each emotion and a picture of all, true beside generated."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from emotalk.faces.draw import contact_sheet
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.lossless import png_bytes
from emotalk.schema import FPS, SAMPLE_RATE, Bytes, Floats

GRID = "grid.png"
GRID_FRAMES = 4  # of each clip, spread over its length
CAPTION = 17  # characters that fit under a picture


@dataclass(frozen=True)
class SampleVideo:
    """A generated clip beside the true one, with its condition image and its speech at 8 kHz."""

    key: str
    emotion: str
    condition_HWC: Bytes
    truth_THWC: Bytes
    generated_THWC: Bytes
    audio_S: Floats


def write_samples(samples: Sequence[SampleVideo], folder: Path) -> None:
    """Write the grid and a video of each sample, true to the left and generated to the right."""
    if not samples:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        encode_video(
            folder / f"{sample.emotion}-{sample.key}.mp4",
            np.concatenate([sample.truth_THWC, sample.generated_THWC], axis=2),
            fps=Fraction(FPS),
            container="mp4",
            audio=AudioTrack(sample.audio_S, SAMPLE_RATE),
        )
    (folder / GRID).write_bytes(png_bytes(sample_grid(samples)))


def sample_files(folder: Path) -> list[Path]:
    """Return the paths of the sample videos and the grid in `folder`, and of no other files."""
    return sorted([*folder.glob("[!.]*.mp4"), *folder.glob(GRID)])


def sample_grid(samples: Sequence[SampleVideo]) -> Bytes:
    """Return an RGB picture with a row a sample: condition, then true and generated frames."""
    tiles: list[Bytes] = []
    captions: list[str] = []
    for sample in samples:
        tiles.append(sample.condition_HWC)
        captions.append(f"{sample.emotion} {sample.key}"[:CAPTION])
        last = len(sample.truth_THWC) - 1
        for frame in np.linspace(0, last, GRID_FRAMES + 1).round().astype(int)[1:]:
            tiles += [sample.truth_THWC[frame], sample.generated_THWC[frame]]
            captions += [f"true {frame / FPS:.2f} s", f"generated {frame / FPS:.2f} s"]
    return contact_sheet(tiles, captions, columns=1 + 2 * GRID_FRAMES)
