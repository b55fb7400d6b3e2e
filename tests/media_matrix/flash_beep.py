"""Clips with a flash and a beep at the same true times, written by Debian's ffmpeg.

The picture is a grey texture that moves; it turns white for one frame, or for 40 ms where frames
are shorter, whenever a beep of 1.5 kHz begins. What a reader makes of such a clip shows by itself
whether picture and sound kept their places: nothing of the project is needed to judge it.
"""

import shutil
import subprocess
import wave
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

SIZE = 96
RATE = 48_000
SECONDS = 3.0
AT_S = (0.4, 1.2, 2.0)
FLASH_S, BEEP_S, BEEP_HERTZ = 0.04, 0.12, 1500
FFMPEG = shutil.which("ffmpeg")


@dataclass(frozen=True)
class Recipe:
    """How one clip is written.

    Attributes:
        name: of the case.
        suffix: of the file, by which ffmpeg chooses the container.
        video: arguments of the picture's encoder.
        sound: arguments of the sound's encoder.
        mux: arguments of the container.
        fps: frames a second.
        every: of these frames only every so many are kept from the middle of the clip on.
        picture_from_s: when the picture begins.
        sound_from_s: when the sound begins.
        sound_to_s: when it ends; None: with the picture.
        then: commands that are run on the clip one after the other: arguments between the input and
            the output.
        input_options: arguments before the input of those.
        seconds: length of the picture.
        at_s: times of the flashes and beeps, before they are rounded to frames.
    """

    name: str
    suffix: str
    video: Sequence[str] = ("-c:v", "libx264", "-preset", "veryfast", "-g", "12")
    sound: Sequence[str] = ("-c:a", "aac")
    mux: Sequence[str] = ()
    fps: Fraction = Fraction(25)
    every: int = 1
    picture_from_s: float = 0.0
    sound_from_s: float = 0.0
    sound_to_s: float | None = None
    then: Sequence[Sequence[str]] = ()
    input_options: Sequence[str] = ()
    seconds: float = SECONDS
    at_s: Sequence[float] = AT_S


def write_clip(recipe: Recipe, folder: Path) -> Path:
    """Write the clip of a recipe and return its path."""
    assert FFMPEG is not None, "apt-get install ffmpeg"
    picture, sound = folder / f"{recipe.name}.gray", folder / f"{recipe.name}.wav"
    first = _write_picture(recipe, picture)
    _write_sound(recipe, sound)
    path = folder / f"{recipe.name}.{recipe.suffix}"
    keep = f"select='lt(t,{recipe.seconds / 2})+not(mod(n,{recipe.every}))'"
    slow = ("-vf", keep, "-fps_mode", "vfr") if recipe.every > 1 else ()
    form = (
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-s",
        f"{SIZE}x{SIZE}",
        "-framerate",
        str(recipe.fps),
    )
    _run(
        *("-itsoffset", f"{float(first):.6f}", *form, "-i", str(picture)),
        *("-itsoffset", f"{recipe.sound_from_s:.6f}", "-i", str(sound)),
        *("-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p", *slow),
        *(*recipe.video, *recipe.sound, *recipe.mux, str(path)),
    )
    for number, command in enumerate(recipe.then):
        source, path = path, path.with_name(f"{recipe.name}-{number}.{recipe.suffix}")
        _run(*recipe.input_options, "-i", str(source), *command, str(path))
    return path


def flash_times_s(fps: Fraction, at_s: Sequence[float] = AT_S) -> list[Fraction]:
    """Return the times of the first bright frames, which the beeps share."""
    return [Fraction(round(at * fps)) / fps for at in at_s]


def _write_picture(recipe: Recipe, path: Path) -> Fraction:
    """Write the frames from `picture_from_s` on, and return the time of the first."""
    fps = recipe.fps
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    first = round(recipe.picture_from_s * fps)
    flashes = flash_times_s(fps, recipe.at_s)
    long = max(Fraction(FLASH_S).limit_denominator(1000), 1 / fps)
    with path.open("wb") as file:
        for number in range(first, round(recipe.seconds * fps)):
            time = number / fps
            frame = 70 + 40 * np.sin((x + 25 * float(time)) / 6) * np.cos(y / 9)
            latest = bisect_right(flashes, time) - 1
            if latest >= 0 and time - flashes[latest] < long:
                frame[:] = 250
            file.write(frame.astype(np.uint8).tobytes())
    return first / fps


def _write_sound(recipe: Recipe, path: Path) -> None:
    """Write the beeps over a faint hum, of which `sound_from_s` to `sound_to_s` is kept."""
    end_s = recipe.seconds if recipe.sound_to_s is None else recipe.sound_to_s
    t = np.arange(round(max(recipe.seconds, end_s) * RATE)) / RATE
    samples = 0.02 * np.sin(2 * np.pi * 200 * t)
    for flash in flash_times_s(recipe.fps, recipe.at_s):
        inside = slice(*np.searchsorted(t, (float(flash), float(flash) + BEEP_S)))
        samples[inside] += 0.6 * np.sin(2 * np.pi * BEEP_HERTZ * (t[inside] - float(flash)))
    kept = samples[round(recipe.sound_from_s * RATE) : round(end_s * RATE)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((kept * 32767).astype("<i2").tobytes())


def _run(*arguments: str) -> None:
    command = [str(FFMPEG), "-v", "error", "-nostdin", "-y", "-threads", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
