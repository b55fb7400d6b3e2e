"""Write pairs of videos of which the right judgement is known: copies, shifts, dubs, stills."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.frames import read_video
from emotalk.media.sound import read_sound
from emotalk.schema import Bytes, Floats

RATE = 16_000


class Recording(NamedTuple):
    """Hold the pictures (T, H, W, 3) and the sound at 16 kHz of a clip."""

    frames_THWC: Bytes
    sound_S: Floats


def read_recording(path: Path) -> Recording:
    """Return the pictures and the sound of a 25 fps clip, which begin together."""
    video = read_video(path)
    frames_THWC = np.stack(list(video))
    samples = len(frames_THWC) * RATE // 25
    return Recording(frames_THWC, read_sound(path, rate=RATE).between(0.0, samples))


def variant(name: str, own: Recording, other: Recording) -> Recording:
    """Return a changed recording.

    Args:
        name: `copy`; `late3` or `early3`: the pictures are that many frames late against the sound;
            `dubbed`: own pictures with another clip's sound; `other`: another clip's pictures with
            the own sound; `frozen`: the first picture; `moved3`: pictures and sound are late.
        own: the clip.
        other: a clip of another sentence, of the same length.
    """
    frames, sound = own
    unshifted = {
        "copy": own,
        "dubbed": Recording(frames, other.sound_S),
        "other": Recording(other.frames_THWC, sound),
        "frozen": Recording(np.repeat(frames[:1], len(frames), 0), sound),
    }
    if name in unshifted:
        return unshifted[name]
    kind, shift = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    if kind == "early":
        return Recording(np.concatenate([frames[shift:], np.repeat(frames[-1:], shift, 0)]), sound)
    late = np.concatenate([np.repeat(frames[:1], shift, 0), frames[:-shift]])
    if kind == "late":
        return Recording(late, sound)
    samples = shift * RATE // 25
    return Recording(late, np.concatenate([np.zeros(samples, np.float32), sound[:-samples]]))


def write_recording(path: Path, recording: Recording, *, crf: int = 23) -> Path:
    """Write an MP4 with H.264 pictures and AAC sound; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encode_video(
        path,
        recording.frames_THWC,
        fps=Fraction(25),
        options={"crf": str(crf), "preset": "veryfast"},
        audio=AudioTrack(recording.sound_S, RATE),
    )
    return path
