"""Make long recordings: shots with or without a face, and drawn people's voices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from emotalk.faces.backends.sidecar import _stored
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.schema import Bytes, Floats
from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.clip import plan_clip
from emotalk.synthetic.voice import VOICE_RATE
from tests.helpers.clips import SIZE, face_in_frame, frames

FPS = Fraction(25)
SHORT = {
    "quality": {"max_seconds": 4.0},
    "stretches": {"min_seconds": 2.0, "max_seconds": 3.5},
}
"""Settings with which recordings of some seconds are long ones."""


@dataclass(frozen=True)
class Shot:
    """Hold one shot: its length, whether it shows a face, when a sentence of 1.9 s begins in it."""

    seconds: float
    speech_at_s: tuple[float, ...] = ()
    face: bool = True


@lru_cache(maxsize=1)
def sentence() -> Floats:
    """Return a sentence of a drawn person at `VOICE_RATE`, without silence about it."""
    spoken = plan_clip(make_actor(3, 0), "IEO", "neutral", "XX", 0).audio_S
    loud = np.flatnonzero(np.abs(spoken) > 0.02)
    found: Floats = spoken[loud[0] : loud[-1]]
    return found


def write_recording(
    folder: Path, name: str, shots: Sequence[Shot], *, sound: bool = True, seed: int = 0
) -> Path:
    """Write shots one after the other, and their side-car landmarks; return the file's path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    encode_video(
        path,
        _pictures(shots, seed),
        fps=FPS,
        container="matroska" if path.suffix == ".mkv" else "mp4",
        options={"preset": "ultrafast", "g": "50"},
        audio=AudioTrack(_sound(shots), VOICE_RATE) if sound else None,
    )
    _stored.cache_clear()  # a process keeps the landmarks of the last files it read
    landmarks = folder / "landmarks" / f"{path.stem}.npy"
    landmarks.parent.mkdir(exist_ok=True)
    np.save(landmarks, _landmarks(shots), allow_pickle=False)
    return path


def write_table(folder: Path, *rows: str) -> None:
    """Write `clips.csv`; each row is clip, actor and emotion."""
    text = "".join(f"{row}\n" for row in ("clip,actor,emotion", *rows))
    (folder / "clips.csv").write_text(text)


def _pictures(shots: Sequence[Shot], seed: int) -> Iterator[Bytes]:
    for number, shot in enumerate(shots):
        yield from frames(round(shot.seconds * FPS), seed=seed + 10 * number)


def _sound(shots: Sequence[Shot]) -> Floats:
    samples = np.zeros(round(sum(shot.seconds for shot in shots) * VOICE_RATE), np.float32)
    start_s = 0.0
    for shot in shots:
        for at_s in shot.speech_at_s:
            first = round((start_s + at_s) * VOICE_RATE)
            part = samples[first : first + sentence().size]
            part += sentence()[: part.size]
        start_s += shot.seconds
    return samples


def _landmarks(shots: Sequence[Shot]) -> Floats:
    """Return a face that wanders a little in each shot, NaN where there is none."""
    parts = []
    for shot in shots:
        count = round(shot.seconds * FPS)
        wander = np.linspace(0, 2, count)[:, None, None] * [1.0, 0.0]
        parts.append(face_in_frame(SIZE)[None] + wander + (0 if shot.face else np.nan))
    return np.concatenate(parts).astype(np.float32)
