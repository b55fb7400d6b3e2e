"""Speech on its way into the generator: read, judged, levelled and padded as in training."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotalk.checkpoint_format import ModelFacts
from emotalk.errors import WrongUse
from emotalk.inference.video import SOUND_RATE
from emotalk.media.loudness import loudness_db, speech_peak
from emotalk.media.resample import resample
from emotalk.media.sound import read_sound
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME, Floats, Rejection

SILENCE_DB = -60.0
LOG = logging.getLogger("emotalk.generate")


@dataclass(frozen=True)
class Speech:
    """One recording at the two rates that are needed.

    Attributes:
        speech_S: mono float in [-1, 1] at 8 kHz: what the generator hears.
        sound_S: mono float in [-1, 1] at 48 kHz: what the video's viewers hear.
    """

    speech_S: Floats
    sound_S: Floats

    @property
    def frames(self) -> int:
        """Frames of the video that lasts to the last sample."""
        return frames_of(self.speech_S)


def read_speech(path: Path) -> Speech:
    """Return the speech of any audio or video file, from its own first moment on.

    A video's picture does not count: its sound begins at 0 here also where it begins late there.
    Gaps in the sound are silence.

    Raises:
        WrongUse: no sound can be read from it, it is shorter than a frame, or it is silent
            (below -60 dB of full scale, root mean square).
    """
    try:
        sound_S = read_sound(path, rate=SOUND_RATE).own_S
    except Rejection as rejection:
        raise WrongUse(f"{path}: {rejection.reason}: {rejection.told}") from None
    speech_S = np.clip(resample(sound_S, SOUND_RATE, SAMPLE_RATE), -1.0, 1.0)
    if speech_S.size < SAMPLES_PER_FRAME:
        raise WrongUse(
            f"{path}: {speech_S.size / SAMPLE_RATE * 1000:.0f} ms of sound are shorter than one "
            f"frame ({1000 * SAMPLES_PER_FRAME // SAMPLE_RATE} ms); give a longer recording"
        )
    level_db = loudness_db(speech_S)
    if level_db < SILENCE_DB:
        raise WrongUse(
            f"{path}: silent: its level is {level_db:.0f} dB of full scale, speech lies above "
            f"{SILENCE_DB:.0f} dB; check the recording or make it louder"
        )
    _warn_of_clicks(path, *speech_peak(speech_S))
    return Speech(speech_S, sound_S)


def _warn_of_clicks(path: Path, peak: float, level: float) -> None:
    """Say that a recording's peak is not the level of its speech, as training takes it to be."""
    if peak > level:
        LOG.warning(
            "%s: a click is %.1f times as loud as the speech; the mouth follows the speech at its "
            "own level of %.3f of full scale",
            path.name,
            peak / level,
            level,
        )


def frames_of(speech_S: Floats) -> int:
    """Return how many frames cover the samples, the last one perhaps in part."""
    return -(-speech_S.size // SAMPLES_PER_FRAME)


def network_speech(speech_S: Floats, facts: ModelFacts, *, frames: int) -> Floats:
    """Return a whole utterance as the generator was trained to hear it.

    That is the training window that spans the clip: level as in training, zeros beyond its ends.
    Training divides by the clip's peak; a click much louder than the speech is left out of that and
    cut (`emotalk.media.loudness`), since it would leave the mouth half closed.

    Args:
        speech_S: mono samples at 8 kHz, at most `frames` frames.
        facts: level and margin of the training.
        frames: length of the video; what is missing to it is zeros.

    Returns:
        (frames + 2 * margin) * 320 samples.
    """
    _, peak = speech_peak(speech_S)
    level = 1 / peak if facts.speech_level == "peak" and peak > 0 else 1.0
    margin = facts.speech_margin_frames * SAMPLES_PER_FRAME
    padded_S = np.zeros(frames * SAMPLES_PER_FRAME + 2 * margin, np.float32)
    padded_S[margin : margin + speech_S.size] = np.clip(speech_S * level, -1.0, 1.0)
    return padded_S
