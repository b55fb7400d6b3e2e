"""Encode videos side by side, with sound, for a page that holds them itself."""

import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emotalk.media.encode import AudioTrack, encode_video
from emotalk.schema import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Bytes, Floats

MOST_FRAMES = 10 * FPS  # of a video
QUALITY = {"crf": "20", "preset": "medium"}
COLUMNS = 3  # of a picture that shows more than three videos


class PageVideo(NamedTuple):
    """A video of a page: one or more videos side by side."""

    title: str
    labels: tuple[str, ...]  # of its parts, row by row from the left
    columns: int  # parts in a row
    seconds: float
    mp4: bytes

    @property
    def rows(self) -> int:
        """Return how many rows of parts there are."""
        return -(-len(self.labels) // self.columns)


def side_by_side(title: str, parts: Mapping[str, Bytes], audio_S: Floats) -> PageVideo:
    """Return videos of one size beside each other, ten seconds at most.

    Up to three stand in a row; of more, as of the six emotions, every row has three.

    Args:
        title: of the video.
        parts: label -> frames, uint8 RGB (T, H, W, 3), of one length.
        audio_S: mono sound in [-1, 1] at 8 kHz.
    """
    frames = min(MOST_FRAMES, *map(len, parts.values()))
    columns = min(COLUMNS, len(parts))
    rows = [
        np.concatenate([*row, *_black(row[0], columns - len(row))], axis=2)
        for row in _chunks([part[:frames] for part in parts.values()], columns)
    ]
    sound_S = audio_S[: frames * SAMPLES_PER_FRAME]
    mp4 = _encode(np.concatenate(rows, axis=1), sound_S)
    return PageVideo(title, tuple(parts), columns, frames / FPS, mp4)


def _encode(frames_THWC: Bytes, audio_S: Floats) -> bytes:
    """Return an MP4 file with its index in front, which is written to a file alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        track = AudioTrack(audio_S, SAMPLE_RATE)
        encode_video(path, frames_THWC, fps=Fraction(FPS), options=QUALITY, audio=track)
        return path.read_bytes()


def _chunks(parts: Sequence[Bytes], length: int) -> list[Sequence[Bytes]]:
    return [parts[begin : begin + length] for begin in range(0, len(parts), length)]


def _black(like: Bytes, count: int) -> list[Bytes]:
    return [np.zeros_like(like)] * count
