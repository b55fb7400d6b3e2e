"""How far apart flashes and beeps are in what the ETL makes of a clip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotalk.config.etl import QualityConfig
from emotalk.media.frames import read_video
from emotalk.media.sound import read_sound
from emotalk.schema import Doubles, Floats, Rejection
from etl.clip.quality import check_whole
from etl.clip.timeline import sound_of, timeline
from tests.media_matrix.flash_beep import BEEP_HERTZ

FRAME_S = 0.04
CONTRAST = 25  # grey levels by which a flash is brighter than the picture


@dataclass(frozen=True)
class Verdict:
    """What became of a clip.

    Attributes:
        reason: why it was rejected, or None.
        worst_s: the largest distance from a flash to its beep.
        pairs: how many flashes there are.
        seconds: length of what was accepted.
    """

    reason: str | None
    worst_s: float = 0.0
    pairs: int = 0
    seconds: float = 0.0


def judge(path: Path) -> Verdict:
    """Bring a clip onto the clock of 25 Hz as the ETL does, and measure."""
    limits = QualityConfig()
    try:
        video = read_video(path)
        sound = read_sound(path, info=video.info)
        line = timeline(video.times_s, sound, limits)
        check_whole(video.info.duration_s, max(line.end_s, sound.end_s), limits)
        sound_S = sound_of(line, sound)
        wanted = np.unique(line.source_T).tolist()
        shown = {i: f.mean() for i, f in zip(wanted, video.at(wanted), strict=True)}
    except Rejection as rejection:
        return Verdict(f"{rejection.reason}: {rejection.detail}")
    flashes = flash_onsets(np.array([shown[index] for index in line.source_T]))
    beeps = beep_onsets(sound_S)
    seconds = line.frames / 25
    if not flashes.size or not beeps.size:
        return Verdict(None, np.inf, 0, seconds)
    inside = (flashes > FRAME_S) & (flashes < seconds - 0.2)  # what a cut leaves of one is no onset
    apart = np.abs(flashes[inside, None] - beeps).min(1)
    return Verdict(None, float(apart.max(initial=0.0)), int(inside.sum()), seconds)


def flash_onsets(brightness_T: Doubles) -> Doubles:
    """Return the times of the first bright frames, in seconds."""
    bright = brightness_T > (np.median(brightness_T) + brightness_T.max()) / 2
    if brightness_T.max() < np.median(brightness_T) + CONTRAST:
        return np.zeros(0)
    return np.flatnonzero(bright & ~np.r_[False, bright[:-1]]) / 25


def beep_onsets(sound_S: Floats) -> Doubles:
    """Return when the energy about 1.5 kHz rises, in seconds."""
    t = np.arange(sound_S.size) / 8000
    band = np.abs(
        np.convolve(sound_S * np.exp(-2j * np.pi * BEEP_HERTZ * t), np.ones(40) / 40, "same")
    )
    loud = band > 0.4 * band.max()
    onsets = np.flatnonzero(loud & ~np.r_[False, loud[:-1]]) / 8000
    return onsets[np.r_[True, np.diff(onsets) > 0.3]] if onsets.size else onsets
