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
class Stretch:
    """A part of a long recording that is a clip of its own."""

    start_ms: int  # on the clock that picture and sound of the recording share
    end_ms: int
    first_frame: int  # index in the recording
    stamps_crc: int  # of its frames' times, to notice a reader that found other frames

    @property
    def seconds(self) -> float:
        """Return its length."""
        return (self.end_ms - self.start_ms) / 1000


@dataclass(frozen=True)
class SourceClip:
    """One clip before it is opened."""

    label: ClipLabel
    video: MediaFile
    audio: MediaFile | None = None  # the file with its sound in case the video has none, or None
    words: Path | None = None  # the file with its word times, or None
    stretch: Stretch | None = None  # the part of `video` that is the clip; None: all of it
    video_sha256: str = ""  # of the file that was cut into stretches
    source: tuple[int, int] | None = None  # stamp of its files when it was cut, if known

    @property
    def start_s(self) -> float:
        """Return the time of its video at which the clip begins."""
        return 0.0 if self.stretch is None else self.stretch.start_ms / 1000


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
