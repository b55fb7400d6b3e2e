"""Make small clips: a picture that moves, a sound that clicks, landmarks that fit."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from emotalk.faces.shape import transform_points
from emotalk.faces.template import template_LP
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.schema import Bytes, Doubles, Floats

RATE = 16000
SIZE = (96, 128)  # height, width
NTSC = Fraction(30000, 1001)


def frames(count: int, *, seed: int = 0, size: tuple[int, int] = SIZE) -> Bytes:
    """Return a smooth coloured picture that brightens frame by frame, uint8 (T, H, W, 3)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    waves = [np.sin(2 * np.pi * (a * x + b * y)) for a, b in rng.uniform(0.5, 2, (3, 2))]
    picture = 110 + 50 * np.stack(waves, -1)
    steps = np.linspace(0, 40, count)[:, None, None, None]
    return np.clip(picture + steps, 0, 255).astype(np.uint8)


def tone(seconds: float, *, hertz: float = 300.0, rate: int = RATE) -> Floats:
    """Return a sine of a quarter of full scale."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.25 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def face_in_frame(size: tuple[int, int] = SIZE) -> Doubles:
    """Return 68 landmarks of a face that stands in the middle of a frame, in its pixels."""
    scale = 0.9 * size[0] / 128
    shift = [size[1] / 2 - 64 * scale, size[0] / 2 - 64 * scale]
    return transform_points(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), template_LP())


def write_clip(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: Fraction = NTSC,
    container: str = "flv",
    codec: str = "aac",
    sound: Floats | None = None,
    silent_file: bool = False,
    seed: int = 0,
) -> Path:
    """Write a clip with a tone in it (or `sound`, or no audio stream at all)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = tone(seconds) if sound is None else sound
    encode_video(
        path,
        frames(round(seconds * fps), seed=seed),
        fps=fps,
        container=container,
        options={"preset": "ultrafast"},
        audio=None if silent_file else AudioTrack(samples, RATE, codec),
    )
    return path


def write_in_parts(path: Path, parts: list[tuple[float, Floats]], *, rate: int = 48_000) -> Path:
    """Write a clip of ten frames and PCM whose parts begin at given times."""
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as output:
        video = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.height, video.width = 96, 128
        sound = output.add_stream("pcm_s16le", rate=rate, layout="mono")
        for frame in frames(10):
            output.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(video.encode(None))
        for start_s, samples_S in parts:
            for first in range(0, samples_S.size, 960):
                packed = (samples_S[None, first : first + 960] * 32767).astype(np.int16)
                heard = av.AudioFrame.from_ndarray(packed, format="s16", layout="mono")
                heard.sample_rate, heard.time_base = rate, Fraction(1, rate)
                heard.pts = round(start_s * rate) + first
                output.mux(sound.encode(heard))
    return path


def write_sidecar(folder: Path, stem: str, count: int) -> Path:
    """Write landmarks of a face that slowly wanders to the right, (T, 68, 2)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.npy"
    wander = np.linspace(0, 2, count)[:, None, None] * [1.0, 0.0]
    np.save(path, (face_in_frame()[None] + wander).astype(np.float32), allow_pickle=False)
    return path


def write_crema_d(
    root: Path,
    *,
    actors: int = 3,
    clips: tuple[str, ...] = ("IEO_ANG_HI", "IEO_NEU_XX", "DFA_NEU_XX"),
    seconds: float = 0.6,
) -> Path:
    """Write a small corpus in CREMA-D's layout with side-car landmarks."""
    for actor in range(1001, 1001 + actors):
        for number, name in enumerate(clips):
            stem = f"{actor}_{name}"
            write_clip(root / "VideoFlash" / f"{stem}.flv", seconds=seconds, seed=actor + number)
            write_sidecar(root / "landmarks", stem, round(seconds * NTSC))
    return root
