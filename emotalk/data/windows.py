"""Draw the window of a clip's frames, and cut the speech of the window."""

from typing import Literal

import numpy as np

from emotalk.schema import SAMPLES_PER_FRAME, Floats
from emotalk.seeding import numpy_generator


def window_start(seed: int, epoch: int, repeat: int, key: str, *, clip: int, window: int) -> int:
    """Return the first frame of a clip's window, drawn evenly among all that fit.

    `repeat` counts the clip's windows in an epoch. `clip` and `window` are lengths in frames.
    """
    generator = numpy_generator(seed, "window", epoch, repeat, key)
    return int(generator.integers(clip - window + 1))


def cut_speech(audio_S: Floats, *, start: int, frames: int, margin_frames: int) -> Floats:
    """Return the speech of a window with its margins, ((frames + 2 * margin_frames) * 320,).

    `audio_S` is the whole clip's speech at 8 kHz; beyond its ends there are zeros.
    """
    begin = (start - margin_frames) * SAMPLES_PER_FRAME
    end = (start + frames + margin_frames) * SAMPLES_PER_FRAME
    speech_S = np.zeros(end - begin, audio_S.dtype)
    first, last = max(begin, 0), min(end, len(audio_S))
    if first < last:
        speech_S[first - begin : last - begin] = audio_S[first:last]
    return speech_S


def normalise_level(audio_S: Floats, level: Literal["peak", "none"]) -> Floats:
    """Return a clip's speech at the level of the networks' training.

    `peak` divides by the whole clip's largest magnitude, as Eskimez et al. 2021 do; digital silence
    stays silence.
    """
    peak = float(np.max(np.abs(audio_S), initial=0.0))
    return audio_S / np.float32(peak) if level == "peak" and peak > 0 else audio_S


def other_clip(seed: int, purpose: str, place: int, key: str, *, own: int, clips: int) -> int:
    """Return the index of another clip, drawn evenly among all of the `clips` but `own`.

    `purpose`, the place's number in the run and the key of its own clip decide the draw.
    """
    index = int(numpy_generator(seed, purpose, place, key).integers(clips - 1))
    return index + (index >= own)
