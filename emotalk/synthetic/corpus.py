"""Write the synthetic corpus with the layout and names of CREMA-D, and exact landmarks."""

import csv
import io
import wave
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from emotalk.files.atomic_write import atomic_write_bytes
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.schema import Floats
from emotalk.seeding import numpy_generator
from emotalk.synthetic.actor import FIRST_NUMBER, Actor
from emotalk.synthetic.clip import plan_clip
from emotalk.synthetic.expression import CODES, LEVELS
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

FORMAT = "emotalk-synthetic/1"  # increase it when the same parameters give other pixels or samples
WAV_RATE = 16_000
LEVELLED_SENTENCE = "IEO"  # the only one with three levels in CREMA-D
MAX_ACTORS = 9000
VIDEO_OPTIONS = {"preset": "ultrafast", "crf": "16", "g": "30"}
VOTE_HEADER = (
    "",
    "FileName",
    "VoiceVote",
    "VoiceLevel",
    "FaceVote",
    "FaceLevel",
    "MultiModalVote",
    "MultiModalLevel",
)
EMOTION_ORDER = ("NEU", "ANG", "DIS", "FEA", "HAP", "SAD")

README = """# Synthetic talking faces

Drawn people who speak the twelve sentences of CREMA-D with six emotions; made by `emotalk synth`.
No recording of anybody is in it. Files are named and laid out as in CREMA-D:

    VideoFlash/1001_IEO_ANG_HI.flv   480x360, 30000/1001 frames/s, H.264, with 44.1 kHz sound
    AudioWAV/1001_IEO_ANG_HI.wav     the same sound, 16 kHz mono
    landmarks/1001_IEO_ANG_HI.npy    (frames, 68, 2) float32: exact iBUG landmarks in frame pixels,
                                     pixel centres at whole numbers
    VideoDemographics.csv            the drawn people (race and ethnicity: Unknown)
    summaryTable.csv                 "votes": always the acted emotion, at the acted level
    corpus.json                      the parameters; the same ones give the same pixels and samples

The mouth opens and widens with the sound, the face takes 0.4 s to grow from neutral to its emotion;
blinks, gaze and head sway are independent of the sound.
"""


@dataclass(frozen=True, order=True)
class ClipName:
    """The four fields of a CREMA-D file name."""

    actor: int
    sentence: str
    emotion: str
    level: str

    def __str__(self) -> str:
        """Return the stem of the clip's files."""
        return f"{self.actor}_{self.sentence}_{self.emotion}_{self.level}"


def every_clip_of(actor: int) -> tuple[ClipName, ...]:
    """Return the names of the 82 clips that CREMA-D has of one actor."""
    names: list[ClipName] = []
    for emotion in EMOTION_ORDER:
        for sentence in SENTENCES:
            levelled = sentence == LEVELLED_SENTENCE and emotion != "NEU"
            levels = ("LO", "MD", "HI") if levelled else ("XX",)
            names.extend(ClipName(actor, sentence, emotion, level) for level in levels)
    return tuple(names)


CLIPS_OF_AN_ACTOR = len(every_clip_of(FIRST_NUMBER))


def choose_clips(actor: int, seed: int, count: int) -> list[ClipName]:
    """Return `count` clips of an actor: emotions in turn, sentences and levels spread evenly.

    Neutral is the first emotion: any choice has a neutral clip, 12 clips have at least two.
    """
    generator = numpy_generator(seed, "choice of clips", actor)
    everything = every_clip_of(actor)
    shuffled = [everything[i] for i in generator.permutation(len(everything))]
    left = {code: [c for c in shuffled if c.emotion == code] for code in EMOTION_ORDER}
    used: Counter[tuple[str, str]] = Counter()
    chosen: list[ClipName] = []
    while len(chosen) < count:
        for code in EMOTION_ORDER:
            if len(chosen) < count and left[code]:
                clip = min(left[code], key=lambda c: used[c.sentence, c.level])
                left[code].remove(clip)
                used[clip.sentence, clip.level] += 1
                chosen.append(clip)
    return sorted(chosen)


def write_corpus(
    output: Path,
    *,
    actors: int,
    seed: int,
    clips_per_actor: int = 24,
    variety: Variety = "plain",
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[ClipName]:
    """Write the corpus and return its clips; the same parameters give the same files.

    A stopped run resumes: clips with all their files are kept.

    Args:
        output: a new or empty folder, or one with the same corpus.
        actors: number of people, numbered from 1001.
        seed: of people, choice of clips and their content.
        clips_per_actor: 1 to 82.
        variety: `plain`, or `photo` for people and places that differ as photographs do.
        workers: processes; 0 takes one for each core, 1 stays in this process. They are spawned, so
            a script that uses more than 1 needs `if __name__ == "__main__":`.
        progress: called with (clips done, clips in all), once at the start and after every clip.

    Raises:
        WrongUse: a number is out of range, or the folder holds something else or cannot be written.
    """
    check_range("actors", actors, 1, MAX_ACTORS)
    check_range("clips_per_actor", clips_per_actor, 1, CLIPS_OF_AN_ACTOR)
    check_range("workers", workers, 0, MAX_WORKERS)
    parameters: dict[str, str | int] = {
        "format": FORMAT,
        "seed": seed,
        "actors": actors,
        "clips_per_actor": clips_per_actor,
        **({} if variety == "plain" else {"variety": variety}),
    }
    claim_folder(output, parameters, ("VideoFlash", "AudioWAV", "landmarks"))
    people = [make_person(seed, FIRST_NUMBER + index, variety) for index in range(actors)]
    names = [name for p in people for name in choose_clips(p.number, seed, clips_per_actor)]
    _write_tables(output, people, names)
    write = partial(_write_clip, output, seed, variety)
    write_missing(names, partial(_files, output), write, workers, progress)
    return names


def _write_tables(output: Path, people: list[Actor], names: list[ClipName]) -> None:
    person_rows = [(p.number, p.age, p.sex, "Unknown", "Unknown") for p in people]
    vote_rows = []
    for row, name in enumerate(names, start=1):
        vote, level = name.emotion[0], f"{100 * LEVELS[name.level]:.0f}"
        vote_rows.append((str(row), str(name), vote, level, vote, level, vote, level))
    atomic_write_bytes(
        output / "VideoDemographics.csv",
        _table(("ActorID", "Age", "Sex", "Race", "Ethnicity"), person_rows),
    )
    atomic_write_bytes(output / "summaryTable.csv", _table(VOTE_HEADER, vote_rows))
    atomic_write_bytes(output / "README.md", README.encode())


def _table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> bytes:
    """Return a CSV file like CREMA-D's: text quoted, numbers not."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _files(output: Path, name: ClipName) -> tuple[Path, Path, Path]:
    return (
        output / "VideoFlash" / f"{name}.flv",
        output / "AudioWAV" / f"{name}.wav",
        output / "landmarks" / f"{name}.npy",
    )


def _write_clip(output: Path, seed: int, variety: Variety, name: ClipName) -> None:
    actor = make_person(seed, name.actor, variety)
    plan = plan_clip(actor, name.sentence, CODES[name.emotion], name.level, seed)
    video, sound, landmarks = _files(output, name)
    write_landmarks(landmarks, plan.landmarks_TLP)
    atomic_write_bytes(sound, _wav(plan.audio_S))
    encode_video(
        video,
        plan.frames(),
        fps=plan.fps,
        container="flv",
        options=VIDEO_OPTIONS,
        # PCM keeps the sound in sync to the sample.
        audio=AudioTrack(plan.audio_S, VOICE_RATE, codec="pcm_s16le"),
    )


def _wav(audio_S: Floats) -> bytes:
    """Return the sound as a WAV file like CREMA-D's: 16 kHz, mono, 16 bits."""
    at_16k = resample_poly(audio_S.astype(np.float64), 160, 441)  # 44.1 kHz * 160 / 441
    samples = np.rint(np.clip(at_16k, -1.0, 1.0) * 32767).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(WAV_RATE)
        file.writeframes(samples.tobytes())
    return content.getvalue()
