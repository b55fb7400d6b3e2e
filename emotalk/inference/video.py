"""Write the video as an MP4 file for browsers, with tags that call it synthetic."""

import secrets
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from emotalk import __version__
from emotalk.errors import WrongUse
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.sound_source import SoundSource
from emotalk.schema import FPS, Bytes, Floats

SOUND_RATE = 48_000
SUFFIX = ".mp4"
STATEMENT = (
    "Synthetic video: this face was animated by a neural network and never said or felt this."
)


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Raise `WrongUse` unless a video can be written to `path`."""
    if path.suffix.lower() != SUFFIX:
        raise WrongUse(f"{path}: the video is an MP4 file, so its name must end in {SUFFIX}")
    if path.is_dir():
        raise WrongUse(f"{path}: is a folder; name a file in it, e.g. {path / 'video.mp4'}")
    if path.exists() and not overwrite:
        raise WrongUse(f"{path}: exists already; choose another name or add --overwrite")
    if not path.parent.is_dir():
        raise WrongUse(f"{path}: the folder {path.parent} does not exist; make it first")
    probe = path.with_name(f".{secrets.token_hex(8)}.writable")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WrongUse(f"{path}: cannot be written: {error.strerror}") from None


def write_talking_video(
    path: Path,
    frames_THWC: Iterable[Bytes],
    sound: Floats | SoundSource,
    *,
    provenance: str,
) -> None:
    """Write frames with their sound at 25 fps, as H.264 and AAC.

    Args:
        path: the MP4 file; replaced as a whole once complete.
        frames_THWC: uint8 RGB frames, read one by one.
        sound: mono float in [-1, 1] at 48 kHz.
        provenance: inputs of the video, for the file's comment.
    """
    encode_video(
        path,
        frames_THWC,
        fps=Fraction(FPS),
        options={"crf": "16", "preset": "medium"},
        audio=AudioTrack(samples=sound, rate=SOUND_RATE),
        metadata={
            "title": f"Synthetic video made by emotalk {__version__}",
            "comment": f"{STATEMENT} {provenance}",
        },
    )
