"""Media files as FFmpeg opens them: which streams there are, and what the headers say.

Names are not trusted: a WAV named `.mp3` is read as what it is. Readers are opened by whoever reads
and never cross a process border.
"""

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from emotalk.media.file_check import check_file
from emotalk.schema import Rejection

av.logging.set_level(av.logging.FATAL)


@dataclass(frozen=True)
class MediaInfo:
    """What a file's headers say.

    Attributes:
        has_video: there is a video stream that is not a cover picture.
        has_audio: there is an audio stream.
        start_s: the time stamp that counts as 0, e.g. 1.4 in a transport stream.
        duration_s: of the whole file, or None where the headers do not say.
        audio_start_s: when the sound starts after that; 0 in a file of sound alone, where what lies
            before the first sample is the encoder's delay.
        audio_duration_s: of the audio stream by its own header, or None.
    """

    has_video: bool
    has_audio: bool
    start_s: float
    duration_s: float | None
    audio_start_s: float
    audio_duration_s: float | None


def open_media(path: Path) -> InputContainer:
    """Open a media file for reading.

    Raises:
        av.FFmpegError, OSError, ValueError: it is none that FFmpeg reads.
    """
    container: InputContainer = av.open(str(path))
    return container


def probe(path: Path) -> MediaInfo:
    """Return what a media file's headers say.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`.
    """
    check_file(path)
    try:
        with open_media(path) as container:
            return _info(container)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable(path, error) from None


def picture_stream(container: InputContainer) -> av.VideoStream:
    """Return the first video stream that is no cover picture.

    Raises:
        ValueError: FFmpeg has no decoder for it.
    """
    stream = _pictures(container)[0]
    if stream.codec_context is None:
        raise ValueError("the picture's codec is not known")
    return stream


def sound_stream(container: InputContainer) -> av.AudioStream:
    """Return the first audio stream.

    Raises:
        ValueError: FFmpeg has no decoder for it.
    """
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise ValueError("the sound's codec is not known")
    return stream


def unreadable(path: Path, error: Exception) -> Rejection:
    """Return the rejection for what FFmpeg says of a file."""
    return Rejection(
        "unreadable",
        f"{path.name}: not a media file that FFmpeg reads ({first_line(error)})",
    )


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][-160:] if lines else type(error).__name__


def _pictures(container: InputContainer) -> list[av.VideoStream]:
    return [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]


def _info(container: InputContainer) -> MediaInfo:
    audio = container.streams.audio[0] if container.streams.audio else None
    pictures = _pictures(container)
    origin = max(0.0, (container.start_time or 0) / av.time_base)
    start = duration = None
    if audio is not None and audio.time_base is not None:
        start = None if audio.start_time is None else float(audio.start_time * audio.time_base)
        duration = None if audio.duration is None else float(audio.duration * audio.time_base)
    return MediaInfo(
        has_video=bool(pictures),
        has_audio=audio is not None,
        start_s=origin,
        duration_s=_promised_s(container, pictures),
        audio_start_s=start - origin if start is not None and pictures else 0.0,
        audio_duration_s=duration,
    )


def _promised_s(container: InputContainer, pictures: list[av.VideoStream]) -> float | None:
    """Return how long the header says the file is; of a cut AVI FFmpeg alone tells what is left."""
    known = [] if container.duration is None else [container.duration / av.time_base]
    if "avi" in container.format.name and pictures and pictures[0].average_rate:
        known.append(float(pictures[0].frames / pictures[0].average_rate))
    return max(known, default=None)
