"""Read speech and prepare it for the generator: check, level and pad it as in training."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import numpy as np

from emotalk.checkpoints.format import ModelFacts
from emotalk.errors import WrongUse
from emotalk.inference.video import SOUND_RATE
from emotalk.media.loudness import LoudnessMeter, PeakMeter
from emotalk.media.sound_source import SoundInMemory, SoundSource, SpooledSound, blocks_of
from emotalk.media.spooled_sound import spool_audio, spool_resampled
from emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME, Floats, Rejection

MAX_SPEECH_S = 4 * 3600.0  # of one video; the web page allows less
SILENCE_DB = -60.0
# What to do about a recording that is rejected, where a rejection's own advice is for a corpus.
ADVICE = {
    "too_long": "cut the recording and make a video of each part",
    "missing": "name the file of a recording",
    "empty_file": "name a recording with sound in it",
    "unreadable": "give a recording that a player plays and that you may read, e.g. WAV or MP3",
    "no_audio": "give a file with sound",
    "git_lfs_pointer": "get the recording itself: run `git lfs pull` in its clone",
}
LOG = logging.getLogger("emotalk.generate")


@dataclass(frozen=True)
class Speech:
    """Hold one recording of any length at two sample rates, mono float in [-1, 1]."""

    path: Path
    speech: SoundSource  # the generator's input at 8 kHz
    sound: SpooledSound  # all of it at 48 kHz

    @property
    def frames(self) -> int:
        """Return the number of frames that cover all samples."""
        return frames_of(self.speech)


def read_speech(path: Path, *, max_s: float = MAX_SPEECH_S) -> Speech:
    """Return the speech of any audio or video file.

    Time 0 is the first sample, also if a video's sound starts later than its picture. Gaps are
    silence. Takes constant memory for any length.

    Raises:
        WrongUse: no sound can be read from it, it is shorter than a frame or longer than `max_s`,
            it is silent (below -60 dB of full scale, root mean square), or there is no room for it.
    """
    try:
        sound = spool_audio(path, rate=SOUND_RATE, max_s=max_s)
        speech = spool_resampled(sound, SOUND_RATE, SAMPLE_RATE)
    except Rejection as rejection:
        message = f"{rejection.reason}: {rejection.message}"
        if rejection.reason in ADVICE:
            what = rejection.detail.removeprefix(f"{path.name}: ")
            message = f"{what}; {ADVICE[rejection.reason]}"
        raise WrongUse(f"{path}: {message}") from None
    except OSError as error:
        raise no_room(path, error) from None
    if speech.size < SAMPLES_PER_FRAME:
        raise WrongUse(
            f"{path}: {speech.size / SAMPLE_RATE * 1000:.0f} ms of sound are shorter than one "
            f"frame ({1000 * SAMPLES_PER_FRAME // SAMPLE_RATE} ms); give a longer recording"
        )
    _check_level(path, speech)
    for note in sound.notes:  # after the checks, so that a refusal is the only message
        LOG.warning("%s: %s", path.name, note)
    return Speech(path, speech, sound)


def no_room(path: Path, error: OSError) -> WrongUse:
    """Return the refusal of a recording whose decoded sound cannot be written."""
    return WrongUse(
        f"{path}: its decoded sound cannot be kept in {gettempdir()}: {error.strerror}; an hour "
        "takes 0.8 GB there, of stereo 2.2 GB, TMPDIR names another folder"
    )


def _check_level(path: Path, speech: SoundSource) -> None:
    """Raise `WrongUse` for silence, and warn of clicks louder than the speech."""
    loudness, peaks = LoudnessMeter(), PeakMeter()
    for piece_S in blocks_of(speech):
        loudness.add(piece_S)
        peaks.add(piece_S)
    level_db = loudness.decibels()
    if level_db < SILENCE_DB:
        raise WrongUse(
            f"{path}: silent: its level is {level_db:.0f} dB of full scale, speech lies above "
            f"{SILENCE_DB:.0f} dB; give a recording in which somebody is heard"
        )
    peak, level = peaks.peak(), peaks.speech_peak()
    if peak > level:  # training takes the peak for the level of the speech
        LOG.warning(
            "%s: a click is %.1f times as loud as the speech; the mouth follows the speech at its "
            "own level of %.3f of full scale",
            path.name,
            peak / level,
            level,
        )


def frames_of(speech: Floats | SoundSource) -> int:
    """Return the number of frames that cover the samples, rounded up."""
    return -(-speech.size // SAMPLES_PER_FRAME)


def network_speech(speech_S: Floats, facts: ModelFacts, *, frames: int) -> Floats:
    """Return the generator's input for a whole utterance.

    Like a training window that spans the clip, it has the level of training and zeros beyond the
    clip's ends: (frames + 2 * margin) * 320 samples. The speech is mono at 8 kHz, `frames` at most.
    """
    level = training_level(SoundInMemory(speech_S), facts)
    margin = facts.speech_margin_frames * SAMPLES_PER_FRAME
    padded_S = np.zeros(frames * SAMPLES_PER_FRAME + 2 * margin, np.float32)
    padded_S[margin : margin + speech_S.size] = np.clip(speech_S * level, -1.0, 1.0)
    return padded_S


def network_pieces(
    speech: SoundSource, facts: ModelFacts, *, frames: int, samples: int
) -> Iterator[Floats]:
    """Yield the output of `network_speech` without its margins, in pieces of `samples`."""
    level = training_level(speech, facts)
    wanted = frames * SAMPLES_PER_FRAME
    for start in range(0, wanted, samples):
        piece_S = np.zeros(min(samples, wanted - start), np.float32)
        found_S = speech.read(start, piece_S.size)
        piece_S[: found_S.size] = np.clip(found_S * level, -1.0, 1.0)
        yield piece_S


def training_level(speech: SoundSource, facts: ModelFacts) -> float:
    """Return the factor that gives an utterance the level of training.

    Training divides by the clip's peak. Here a click much louder than the speech is not counted as
    peak but clipped (`emotalk.media.loudness`), since it would make the speech too quiet.
    """
    if facts.speech_level == "none":
        return 1.0
    peaks = PeakMeter()
    for piece_S in blocks_of(speech):
        peaks.add(piece_S)
    peak = peaks.speech_peak()
    return 1 / peak if peak > 0 else 1.0
