"""Draw the window of a clip's frames, and cut the speech of the window."""

from typing import Literal

import numpy as np

from emotalk.schema import SAMPLES_PER_FRAME, Floats
from emotalk.seeding import numpy_generator


def window_start(seed: int, epoch: int, repeat: int, key: str, *, clip: int, window: int) -> int:
    """Return the first frame of a clip's window, drawn evenly among all that fit.

    Args:
        seed: the run's.
        epoch: which pass over the samples.
        repeat: which of the clip's windows in this epoch.
        key: the sample's.
        clip: frames of the clip.
        window: frames of the window, at most `clip`.
    """
    generator = numpy_generator(seed, "window", epoch, repeat, key)
    return int(generator.integers(clip - window + 1))


def cut_speech(audio_S: Floats, *, start: int, frames: int, margin_frames: int) -> Floats:
    """Return the speech of a window with its margins; zeros beyond the clip's ends.

    Args:
        audio_S: the whole clip's speech at 8 kHz, starting with its first frame.
        start: the window's first frame.
        frames: of the window.
        margin_frames: frames of speech added before and after.

    Returns:
        ((frames + 2 * margin_frames) * 320,) samples.
    """
    begin = (start - margin_frames) * SAMPLES_PER_FRAME
    end = (start + frames + margin_frames) * SAMPLES_PER_FRAME
    inside = audio_S[max(begin, 0) : min(end, len(audio_S))]
    return np.pad(inside, (max(-begin, 0), max(end - len(audio_S), 0)))


def normalise_level(audio_S: Floats, level: Literal["peak", "none"]) -> Floats:
    """Return a clip's speech at the level of the networks' training.

    `peak` divides by the whole clip's largest magnitude, as Eskimez et al. 2021 do; digital silence
    stays silence.
    """
    peak = float(np.max(np.abs(audio_S), initial=0.0))
    return audio_S / np.float32(peak) if level == "peak" and peak > 0 else audio_S


def other_clip(seed: int, purpose: str, place: int, key: str, *, own: int, clips: int) -> int:
    """Return the index of another clip, drawn evenly among all but `own`.

    Args:
        seed: the run's.
        purpose: key of the draw, e.g. `other-speech`.
        place: number of the place in the run.
        key: of the clip at that place.
        own: index of that clip.
        clips: number of clips, at least two.
    """
    index = int(numpy_generator(seed, purpose, place, key).integers(clips - 1))
    return index + (index >= own)
