"""Copy the sound of a file into a video packet by packet, so that nothing of it is lost."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer

from emotalk.media.container import READING_ERRORS, open_media, sound_stream

# Containers whose time stamps are exact, and the codecs that players read in the video.
SOURCES = {
    "mp4": {
        "mov,mp4,m4a,3gp,3g2,mj2": ("aac", "mp3", "opus"),
        "aac": ("aac",),
        "mp3": ("mp3", "mp3float"),
        "ogg": ("opus",),
        "matroska,webm": ("opus",),
    },
    "webm": {
        "ogg": ("opus", "vorbis"),
        "matroska,webm": ("opus", "vorbis"),
        "mov,mp4,m4a,3gp,3g2,mj2": ("opus",),
    },
}
DECODERS = {"libopus": "opus", "libvorbis": "vorbis", "mp3float": "mp3"}
TRIED = 20  # packets that are written on trial


@dataclass(frozen=True)
class CopiedSound:
    """Hold the sound of a file whose packets become those of a video.

    Attributes:
        path: the file.
        start_s: time of the first sample that is heard, on the file's clock; it becomes time 0.
    """

    path: Path
    start_s: Fraction


def copied_sound(path: Path, container: str) -> CopiedSound | None:
    """Return a file's sound if its packets may go into a container, else None.

    The caller knows that the sound has no gaps and can be decoded. A few packets are written on
    trial, since a container takes only some forms of a codec.

    Args:
        path: the file.
        container: FFmpeg's name of the video's format: `mp4` or `webm`.
    """
    try:
        with open_media(path) as source:
            stream = sound_stream(source)
            codec = stream.codec_context.name
            allowed = SOURCES.get(container, {}).get(source.format.name, ())
            if DECODERS.get(codec, codec) not in allowed:
                return None
            start_s = _first_heard_s(source, stream)
        if start_s is None:
            return None
        sound = CopiedSound(path, start_s)
        return sound if _can_be_written(sound, container) else None
    except READING_ERRORS:
        return None


class PacketWriter:
    """Write the packets of a copied sound, interleaved with the video."""

    def __init__(self, output: OutputContainer, sound: CopiedSound) -> None:
        """Open the source and add its stream to the output."""
        self._output = output
        self._open = ExitStack()
        source = self._open.enter_context(open_media(sound.path))
        self._source = sound_stream(source)
        self._stream = output.add_stream_from_template(self._source)
        self._stream.metadata.clear()
        self._start_s = sound.start_s
        self._packets = self._read(source)
        self._next = next(self._packets, None)

    def write_until(self, time_s: Fraction | float) -> None:
        """Write the packets that begin before `time_s`."""
        while self._next is not None and _time_s(self._next) < time_s:
            self._write(self._next)

    def finish(self) -> None:
        """Write the remaining packets and close the source."""
        while self._next is not None:
            self._write(self._next)
        self.close()

    def close(self) -> None:
        """Close the source."""
        self._open.close()

    def write_few(self, count: int) -> int:
        """Write up to `count` packets and return how many there were."""
        for written in range(count):
            if self._next is None:
                return written
            self._write(self._next)
        return count

    def _read(self, source: InputContainer) -> Iterator[av.Packet]:
        for packet in source.demux(self._source):
            if packet.size and packet.pts is not None and packet.time_base:
                shift = round(self._start_s / packet.time_base)
                packet.pts -= shift
                packet.dts = packet.pts
                yield packet

    def _write(self, packet: "av.Packet") -> None:
        packet.stream = self._stream
        self._output.mux(packet)
        self._next = next(self._packets, None)


def _time_s(packet: "av.Packet") -> Fraction:
    assert packet.pts is not None
    assert packet.time_base is not None
    return Fraction(packet.pts * packet.time_base)


def _first_heard_s(source: InputContainer, stream: av.AudioStream) -> Fraction | None:
    """Return the time of the first decoded sample, after those that the encoder put in front."""
    for frame in source.decode(stream):
        if frame.samples:
            return None if frame.pts is None else frame.pts * Fraction(frame.time_base or 0)
    return None


def _can_be_written(sound: CopiedSound, container: str) -> bool:
    trial = io.BytesIO()
    writer: PacketWriter | None = None
    try:
        with av.open(trial, "w", format=container) as output:
            writer = PacketWriter(output, sound)
            written = writer.write_few(TRIED)
    except READING_ERRORS:
        return False
    finally:
        if writer is not None:
            writer.close()
    return written > 0
