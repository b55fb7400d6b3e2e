"""Define the types of a listed corpus, and the corpora's words for emotions and levels."""

from dataclasses import dataclass
from pathlib import Path

from emotalk.schema import ClipLabel, Rejection
from etl.corpora.media_file import MediaFile

WORDS_OF_EMOTION = {
    "anger": ("anger", "angry", "ang"),
    "disgust": ("disgust", "disgusted", "dis"),
    "fear": ("fear", "fearful", "fea"),
    "happiness": ("happiness", "happy", "hap"),
    "neutral": ("neutral", "neu"),
    "sadness": ("sadness", "sad"),
    "contempt": ("contempt",),
    "surprise": ("surprise", "surprised"),
}
EMOTION_WORDS = {word: name for name, words in WORDS_OF_EMOTION.items() for word in words}
LEVEL_WORDS: dict[str, float | None] = {
    "": None,
    "xx": None,
    "lo": 1 / 3,
    "md": 2 / 3,
    "hi": 1.0,
    "level_1": 1 / 3,
    "level_2": 2 / 3,
    "level_3": 1.0,
}
VIDEO_SUFFIXES = (".flv", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".ogv")


@dataclass(frozen=True)
class SourceClip:
    """One clip before it is opened."""

    label: ClipLabel
    video: MediaFile
    audio: MediaFile | None = None  # the file with its sound in case the video has none, or None
    words: Path | None = None  # the file with its word times, or None


@dataclass(frozen=True)
class Listing:
    """The clips of a corpus."""

    clips: tuple[SourceClip, ...]  # to be opened
    rejected: tuple[Rejection, ...] = ()  # left out by name alone
    left_out: int = 0  # clips that the configuration does not ask for (other emotions, few votes)
    system_files: int = 0  # number of system files that were left out


def printable(name: str) -> str:
    """Return a file's name as valid text; bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
