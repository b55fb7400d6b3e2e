"""Write the video as a file for browsers, with tags that call it synthetic."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from emotalk import __version__
from emotalk.errors import WrongUse
from emotalk.media.copied_sound import CopiedSound
from emotalk.media.encode import AudioTrack, encode_video
from emotalk.media.gif import encode_gif
from emotalk.schema import FPS, Bytes

SOUND_RATE = 48_000
MAX_GIF_S = 60.0  # a longer one has hundreds of megabytes


@dataclass(frozen=True)
class VideoFormat:
    """Describe a file format of videos; see `emotalk.media.encode` for the names."""

    container: str
    codec: str
    sound_codec: str | None  # None: it has no sound
    options: Mapping[str, str] = field(default_factory=dict)  # of the video encoder


FORMATS = {
    ".mp4": VideoFormat("mp4", "libx264", "aac", {"crf": "16", "preset": "medium"}),
    ".webm": VideoFormat(
        "webm",
        "libvpx-vp9",
        "libopus",
        {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "4"},
    ),
    ".gif": VideoFormat("gif", "gif", None),
}
STATEMENT = (
    "Synthetic video: this face was animated by a neural network and never said or felt this."
)


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Raise `WrongUse` unless a video can be written to `path`."""
    if path.is_dir():
        raise WrongUse(f"{path}: is a folder; name a file in it, e.g. {path / 'video.mp4'}")
    video_format(path)
    if path.exists() and not overwrite:
        raise WrongUse(
            f"{path}: exists already; choose another name or add --overwrite (in Python: "
            "overwrite=True)"
        )
    if not path.parent.is_dir():
        raise WrongUse(f"{path}: the folder {path.parent} does not exist; make it first")
    probe = path.with_name(f".{secrets.token_hex(8)}.writable")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WrongUse(f"{path}: cannot be written: {error.strerror}") from None


def video_format(path: Path) -> VideoFormat:
    """Return the format of a video by the end of its name.

    Raises:
        WrongUse: no format of videos has this ending.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        *first, last = FORMATS
        raise WrongUse(
            f"{path}: the name of the video must end in {', '.join(first)} or {last}, which chooses"
            f" its format, e.g. {path.stem or 'video'}.mp4"
        )
    return form


def check_length(path: Path, frames: int) -> None:
    """Raise `WrongUse` if a video of so many frames is too long for its format."""
    if video_format(path).sound_codec is None and frames > MAX_GIF_S * FPS:
        raise WrongUse(
            f"{path}: {frames / FPS:.0f} s are too long for a GIF, which has no sound and holds "
            f"{MAX_GIF_S:.0f} s at most; name a .mp4 or .webm file"
        )


def write_talking_video(
    path: Path,
    frames_THWC: Iterable[Bytes],
    sound: AudioTrack | CopiedSound | None,
    *,
    provenance: str,
) -> None:
    """Write frames with their sound at 25 fps, in the format of the file's ending.

    Args:
        path: the file; replaced as a whole once complete.
        frames_THWC: uint8 RGB frames, read one by one.
        sound: as `emotalk.inference.sound_track` chose it.
        provenance: inputs of the video, for the file's comment.
    """
    form = video_format(path)
    title = f"Synthetic video made by emotalk {__version__}"
    comment = f"{STATEMENT} {provenance}"
    if form.container == "gif":
        encode_gif(path, frames_THWC, fps=FPS, comment=f"{title}. {comment}")
        return
    encode_video(
        path,
        frames_THWC,
        fps=Fraction(FPS),
        container=form.container,
        codec=form.codec,
        options=form.options,
        audio=sound,
        metadata={"title": title, "comment": comment},
    )
