"""Write the synthetic corpus with the layout of MEAD: full HD, 30 frames a second."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy.signal import resample_poly

from emotalk.files.atomic_write import atomic_write_bytes
from emotalk.media.encode import AudioTrack, encode_audio, encode_video
from emotalk.schema import Bytes, Floats
from emotalk.synthetic.actor import FIRST_NUMBER, make_actor
from emotalk.synthetic.clip import ClipPlan, plan_clip
from emotalk.synthetic.folder import (
    MAX_WORKERS,
    check_range,
    claim_folder,
    write_landmarks,
    write_missing,
)
from emotalk.synthetic.photo_actor import Variety, make_person
from emotalk.synthetic.sentences import SENTENCES
from emotalk.synthetic.voice import VOICE_RATE

FORMAT = "emotalk-synthetic-mead/1"
MEAD_FPS = Fraction(30)
SOUND_RATE = 48_000
HEIGHT = 1080  # of MEAD's frames, pixels
ASPECT = Fraction(16, 9)
MAX_ACTORS = 999
# MEAD's name -> this project's; MEAD also has contempt and surprise.
EMOTIONS = {
    "neutral": "neutral",
    "angry": "anger",
    "disgusted": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
}
LEVELS = {"level_1": "LO", "level_2": "MD", "level_3": "HI"}
VIDEO_OPTIONS = {"preset": "ultrafast", "crf": "18", "g": "30"}

README = """# Synthetic talking faces, laid out as MEAD

Drawn people who speak twelve sentences with six of MEAD's eight emotions; made by `emotalk synth
--layout mead`. No recording of anybody is in it.

    M001/video/front/angry/level_3/001.mp4      16:9, 30 frames/s, H.264 with AAC sound
    M001/audio/angry/level_3/001.m4a            the same sound, AAC 48 kHz
    landmarks/M001/video/front/angry/level_3/001.npy
                                                (frames, 68, 2) float32: exact iBUG landmarks in
                                                frame pixels, pixel centres at whole numbers
    corpus.json                                 the parameters; the same ones give the same files
"""


@dataclass(frozen=True, order=True)
class MeadName:
    """Name of one recording: actor, emotion, level and number of the sentence (from 1)."""

    actor: int
    emotion: str
    level: str
    number: int


def every_recording_of(actor: int) -> tuple[MeadName, ...]:
    """Return the names of all recordings of an actor: emotions and levels in turn."""
    return tuple(
        MeadName(actor, emotion, level, number)
        for number in range(1, len(SENTENCES) + 1)
        for level in LEVELS
        for emotion in EMOTIONS
        if emotion != "neutral" or level == "level_1"
    )


RECORDINGS_OF_AN_ACTOR = len(every_recording_of(FIRST_NUMBER))


def write_mead(
    output: Path,
    *,
    actors: int,
    seed: int,
    clips_per_actor: int = 16,
    height: int = HEIGHT,
    variety: Variety = "plain",
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[MeadName]:
    """Write the corpus and return its recordings; the same parameters give the same files.

    A stopped run resumes.

    Args:
        output: a new or empty folder, or one with the same corpus.
        actors: number of people.
        seed: of people and the content of the recordings.
        clips_per_actor: 1 to 192; 16 hold every emotion at every level once.
        height: of the frames in pixels, 16:9; MEAD's are 1080.
        variety: `plain`, or `photo` for people and places that differ as photographs do.
        workers: processes; 0 takes one for each core, 1 stays in this one.
        progress: called with (clips done, clips in all).

    Raises:
        WrongUse: a number is out of range, or the folder holds something else or cannot be written.
    """
    check_range("actors", actors, 1, MAX_ACTORS)
    check_range("clips_per_actor", clips_per_actor, 1, RECORDINGS_OF_AN_ACTOR)
    check_range("height", height, 180, 2160)
    check_range("workers", workers, 0, MAX_WORKERS)
    parameters: dict[str, str | int] = {
        "format": FORMAT,
        "seed": seed,
        "actors": actors,
        "clips_per_actor": clips_per_actor,
        "height": height,
        **({} if variety == "plain" else {"variety": variety}),
    }
    claim_folder(output, parameters, ("landmarks",))
    atomic_write_bytes(output / "README.md", README.encode())
    numbers = range(FIRST_NUMBER, FIRST_NUMBER + actors)
    names = [name for n in numbers for name in every_recording_of(n)[:clips_per_actor]]
    write_missing(
        names,
        partial(_files, output, seed),
        partial(_write_recording, output, seed, height, variety),
        workers,
        progress,
    )
    return names


def _files(output: Path, seed: int, name: MeadName) -> tuple[Path, Path, Path]:
    sex = make_actor(seed, name.actor).sex
    person = f"{sex[0]}{name.actor - FIRST_NUMBER + 1:03d}".replace("F", "W")
    inside = Path(name.emotion) / name.level / f"{name.number:03d}"
    video = Path(person) / "video" / "front" / inside
    return (
        output / video.with_suffix(".mp4"),
        output / person / "audio" / inside.with_suffix(".m4a"),
        output / "landmarks" / video.with_suffix(".npy"),
    )


def _write_recording(
    output: Path, seed: int, height: int, variety: Variety, name: MeadName
) -> None:
    actor = make_person(seed, name.actor, variety)
    sentence = list(SENTENCES)[name.number - 1]
    level = "XX" if name.emotion == "neutral" else LEVELS[name.level]
    plan = plan_clip(actor, sentence, EMOTIONS[name.emotion], level, seed, MEAD_FPS)
    video, sound, landmarks = _files(output, seed, name)
    for path in (video, sound):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_landmarks(landmarks, placed(plan.landmarks_TLP, height))
    track = AudioTrack(
        resample_poly(plan.audio_S, SOUND_RATE // 300, VOICE_RATE // 300), SOUND_RATE
    )
    encode_audio(sound, track)
    encode_video(video, enlarged(plan, height), fps=MEAD_FPS, options=VIDEO_OPTIONS, audio=track)


def placed(landmarks_TLP: Floats, height: int) -> Floats:
    """Return landmarks in pixels of the frames of `enlarged`."""
    scale, margin = _scale_and_margin(height)
    moved: Floats = ((landmarks_TLP + 0.5) * scale - 0.5).astype(np.float32)
    moved[..., 0] += margin
    return moved


def enlarged(plan: ClipPlan, height: int) -> Iterator[Bytes]:
    """Yield the frames enlarged to `height`, extended to 16:9 by repeating their border."""
    scale, margin = _scale_and_margin(height)
    for frame in plan.frames():
        size = (round(frame.shape[1] * scale), height)
        large = cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC)
        yield np.asarray(
            cv2.copyMakeBorder(large, 0, 0, margin, _width(height) - margin - size[0],
                               cv2.BORDER_REPLICATE)
        )  # fmt: skip


def _scale_and_margin(height: int) -> tuple[float, int]:
    """Return the enlargement of a drawn frame (4:3) and the pixels added at its left."""
    scale = height / 360
    return scale, (_width(height) - round(480 * scale)) // 2


def _width(height: int) -> int:
    return int(height * ASPECT) // 2 * 2
