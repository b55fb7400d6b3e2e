"""Open media files with FFmpeg, choose their streams and read their headers.

A file's format is recognised by its content, not its name. Files that are no container of sound or
video (playlists, image patterns, scripts) are not opened, since FFmpeg would read other files.
Open readers are never passed to another process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import av
from av.container import InputContainer
from av.stream import Disposition

from emotalk.media.allowed_formats import MAX_PIXELS, READ_SAFELY
from emotalk.media.file_check import check_file
from emotalk.media.header_duration import header_file_s, header_sound_s
from emotalk.schema import Rejection

# With an edit list a negative time means "not shown". In other formats it is an ordinary time: the
# 33-bit time stamps of a transport stream can wrap within a file.
EDIT_LISTS = "mov"
SECONDARY = (  # streams that players do not choose by default
    Disposition.attached_pic
    | Disposition.timed_thumbnails
    | Disposition.still_image
    | Disposition.comment
    | Disposition.visual_impaired
)
FLV = "flv"
FLV_PERIOD = 2**31  # milliseconds; writers drop the sign, so -160 reads as 2^31 - 160
STILL_IMAGE = "_pipe"  # end of FFmpeg's names of still image formats
NOT_ALLOWED = "Format not on whitelist"
# Errors of FFmpeg and PyAV for a damaged file; IndexError where a stream starts within the file.
READING_ERRORS = (av.FFmpegError, OSError, ValueError, IndexError, OverflowError)

Stream = TypeVar("Stream", av.VideoStream, av.AudioStream)

av.logging.set_level(av.logging.FATAL)


@dataclass(frozen=True)
class MediaInfo:
    """Hold values from a file's headers.

    Attributes:
        has_video: there is a video stream that is not a cover image.
        has_audio: there is an audio stream.
        start_s: the time stamp that counts as time 0, e.g. 1.4 in a transport stream.
        duration_s: of the whole file from time 0, None where only an estimate is available.
        audio_start_s: time of the first sound; 0 in a file without video, where an earlier start is
            the encoder's delay.
        audio_duration_s: of the audio stream by its own header, or None.
    """

    has_video: bool = False
    has_audio: bool = False
    start_s: float = 0.0
    duration_s: float | None = None
    audio_start_s: float = 0.0
    audio_duration_s: float | None = None


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a media file for reading.

    FFmpeg gets the open file, not its name: `12:30.wav` is not taken for a protocol, `%d.png` not
    for a pattern, and references to other files cannot be opened.

    Raises:
        av.FFmpegError, OSError, ValueError: FFmpeg cannot read it, or its format is not allowed.
    """
    with path.open("rb") as file, av.open(_Nameless(file), **READ_SAFELY) as container:
        yield container


class _Nameless:
    """An open file without a name, by which FFmpeg would choose the format."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def probe(path: Path) -> MediaInfo:
    """Return the values of a media file's headers; a still image has neither video nor sound.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`.
    """
    check_file(path)
    try:
        with open_media(path) as container:
            return _info(container, path)
    except READING_ERRORS as error:
        if (refused_format(error) or "").endswith(STILL_IMAGE):
            return MediaInfo()
        raise unreadable(path, error) from None


def video_stream(container: InputContainer) -> av.VideoStream:
    """Return the video stream that a player shows: the default one, no cover image.

    Raises:
        ValueError: FFmpeg has no decoder for it, or its frames are too large.
    """
    stream = _preferred(_video_streams(container))
    if stream.codec_context is None:
        raise ValueError("the picture's codec is not known")
    if stream.width * stream.height > MAX_PIXELS:
        raise ValueError(
            f"a picture of {stream.width} x {stream.height} pixels, at most {MAX_PIXELS} pixels"
        )
    stream.thread_type = "NONE"
    return stream


def sound_stream(container: InputContainer) -> av.AudioStream:
    """Return the audio stream that a player plays: the default one, else the first.

    Raises:
        ValueError: FFmpeg has no decoder for it.
    """
    stream = _preferred(list(container.streams.audio))
    if stream.codec_context is None:
        raise ValueError("the sound's codec is not known")
    return stream


def unwrap_timestamp(stamp: int, format_name: str) -> int:
    """Return a time stamp, in the container's time base, without wraparound.

    FFmpeg undoes that of MPEG streams (33 bits). FLV's 31 bits cover 24 days: the upper half are
    times before 0.
    """
    if format_name != FLV:
        return stamp
    return (stamp + FLV_PERIOD // 2) % FLV_PERIOD - FLV_PERIOD // 2


def unreadable(path: Path, error: Exception) -> Rejection:
    """Return the rejection for an error of FFmpeg."""
    return Rejection(
        "unreadable",
        f"{path.name}: not a media file that FFmpeg reads ({first_line(error)})",
    )


def refused_format(error: Exception) -> str | None:
    """Return FFmpeg's name of the format where `READ_SAFELY` does not allow it, else None."""
    log = error.log if isinstance(error, av.FFmpegError) else None
    return log[1] if log is not None and log[2].startswith(NOT_ALLOWED) else None


def first_line(error: Exception) -> str:
    """Return an error's message in one line."""
    if isinstance(error, IndexError):
        return "a stream appears midway"
    refused = refused_format(error)
    if refused is not None:
        return f"files of the kind {refused} are not opened here"
    if isinstance(error, OSError | av.FFmpegError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][-160:] if lines else type(error).__name__


def _video_streams(container: InputContainer) -> list[av.VideoStream]:
    return [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]


def _preferred(streams: list[Stream]) -> Stream:
    """Return the first of the streams marked as default, else the first that is not secondary."""
    default = [s for s in streams if s.disposition & s.disposition.default]
    primary = [s for s in streams if not s.disposition & SECONDARY]
    known = [s for s in default or primary or streams if s.codec_context is not None]
    return (known or default or primary or streams)[0]


def _info(container: InputContainer, path: Path) -> MediaInfo:
    videos = _video_streams(container)
    audio = _preferred(list(container.streams.audio)) if container.streams.audio else None
    origin = (container.start_time or 0) / av.time_base
    if container.format.name == FLV:
        origin = unwrap_timestamp(round(1000 * origin), FLV) / 1000
    if EDIT_LISTS in container.format.name:
        origin = max(0.0, origin)
    start = None
    if audio is not None and audio.time_base is not None and audio.start_time is not None:
        start = float(audio.start_time * audio.time_base)
    return MediaInfo(
        has_video=bool(videos),
        has_audio=audio is not None,
        start_s=origin,
        duration_s=header_file_s(container, path),
        audio_start_s=start - origin if start is not None and videos else 0.0,
        audio_duration_s=None if audio is None else header_sound_s(container, audio),
    )
