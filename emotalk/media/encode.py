"""Encode videos with sound; the same input always gives the same bytes.

All video files are written here: corpus clips (FLV), shard members (128 x 128 MP4) and videos for
browsers (H.264 and AAC in MP4, index in front).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from emotalk.files.atomic_write import atomic_path
from emotalk.media.copied_sound import CopiedSound, PacketWriter
from emotalk.media.sound_source import SoundSource
from emotalk.printable import printable_lines
from emotalk.schema import Bytes, Floats

SAMPLES_PER_PACKET = 1024
LAYOUTS = {1: "mono", 2: "stereo"}
# With B-frames x264's macroblock tree reads uninitialised memory, so the bytes would depend on what
# the process did before.
DETERMINISTIC = {"libx264": {"mbtree": "0"}}


@dataclass(frozen=True)
class AudioTrack:
    """The sound of a video.

    Attributes:
        samples: float32 in [-1, 1], (S,) or (S, C) with one or two channels, or sound that is read
            in blocks: one source of mono, or left and right. Values outside are clipped.
        rate: samples a second.
        codec: an encoder of FFmpeg. In containers without an edit list (FLV) `aac` delays the sound
            by a codec frame; `pcm_s16le` keeps the time of every sample.
    """

    samples: Floats | SoundSource | tuple[SoundSource, SoundSource]
    rate: int
    codec: str = "aac"
    bit_rate: int | None = None  # bits a second; None: the encoder's own

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of samples and of channels."""
        if isinstance(self.samples, tuple):
            return self.samples[0].size, 2
        if not isinstance(self.samples, np.ndarray):
            return self.samples.size, 1
        shape = self.samples.shape if self.samples.ndim > 1 else (*self.samples.shape, 1)
        if len(shape) != 2 or shape[1] not in LAYOUTS:
            raise ValueError(
                f"audio track: shape {self.samples.shape}, expected (S,), (S, 1) or (S, 2)"
            )
        return shape[0], shape[1]

    def read(self, start: int, count: int) -> Floats:
        """Return samples from `start` on as (C, S), clipped to [-1, 1]."""
        if isinstance(self.samples, np.ndarray):
            part = self.samples[start : start + count]
        elif isinstance(self.samples, tuple):
            part = np.stack([source.read(start, count) for source in self.samples], 1)
        else:
            part = self.samples.read(start, count)
        samples_SC = np.asarray(part, np.float32).reshape(len(part), -1)
        if not np.isfinite(samples_SC).all():
            raise ValueError("audio track: holds values that are not finite numbers")
        return np.ascontiguousarray(np.clip(samples_SC, -1.0, 1.0).T)


def encode_video(
    target: Path | BinaryIO,
    frames_THWC: Iterable[Bytes],
    *,
    fps: Fraction,
    container: str = "mp4",
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    audio: AudioTrack | CopiedSound | None = None,
    metadata: Mapping[str, str] | None = None,
    threads: int = 1,
) -> None:
    """Write a video file; the same arguments always give the same bytes.

    Frames are taken one by one, so a generator of any length needs constant memory. Sound is
    interleaved with the frames and written to its last sample. Colours are BT.601, limited range,
    and tagged as such. An MP4 at a path gets its index in front, so that players start at once.

    Args:
        target: a path, written under a temporary name and renamed when complete; or a seekable
            binary stream.
        frames_THWC: uint8 RGB frames (H, W, 3), all of one size; even sides for `yuv420p`.
        fps: frames a second, exactly.
        container: FFmpeg's name of the file format: `mp4`, `flv`, `matroska`, ...
        codec: FFmpeg's name of the video encoder.
        pixel_format: FFmpeg's name of the stored colour format.
        options: of the encoder, e.g. `{"crf": "16", "preset": "ultrafast"}`; they override
            `DETERMINISTIC`.
        audio: the sound, to be encoded or copied as it is; None for a silent file.
        metadata: container tags, e.g. `{"comment": "..."}`.
        threads: of the video encoder; x264's bytes depend on it.

    Raises:
        ValueError: no frames, a frame of another shape or type, or an audio track of a bad shape.
        av.error.FFmpegError: FFmpeg refuses the combination or cannot write.
    """
    faststart = isinstance(target, Path) and container == "mp4"
    with _opened(target, container, {"movflags": "+faststart"} if faststart else {}) as output:
        for name, value in (metadata or {}).items():
            output.metadata[name] = printable_lines(value)
        _write(output, frames_THWC, fps, codec, pixel_format, options, audio, threads)


def encode_audio(target: Path, audio: AudioTrack, *, container: str = "mp4") -> None:
    """Write a file of sound alone (`mp4` with `aac` for .m4a); the same input, the same bytes.

    It is written under a temporary name and renamed when complete.
    """
    with _opened(target, container, {}) as output:
        _SoundWriter(output, audio).finish()


@contextmanager
def _opened(
    target: Path | BinaryIO, container: str, options: Mapping[str, str]
) -> Iterator[OutputContainer]:
    """Open an output file; a path gets its name when the file is complete."""
    options = {"fflags": "+bitexact", **options}
    if not isinstance(target, Path):
        with av.open(target, "w", format=container, options=options) as output:
            yield output
        return
    with atomic_path(target) as partial:
        name = f"file:{partial}"  # a colon in the path would end a protocol's name
        with av.open(name, "w", format=container, options=options) as output:
            yield output


def _write(
    output: OutputContainer,
    frames_THWC: Iterable[Bytes],
    fps: Fraction,
    codec: str,
    pixel_format: str,
    options: Mapping[str, str] | None,
    audio: AudioTrack | CopiedSound | None,
    threads: int,
) -> None:
    frames = iter(frames_THWC)
    first = next(frames, None)
    if first is None:
        raise ValueError("encode_video: no frames")
    _check_frame(first, first.shape, pixel_format)
    settings = {**DETERMINISTIC.get(codec, {}), **(options or {})}
    video = output.add_stream(codec, rate=fps, options=settings)
    assert isinstance(video, VideoStream)
    _set_up_video(video, first, pixel_format, threads)
    sound = _sound_writer(output, audio)
    from_rgb = VideoReformatter()
    for index, frame in enumerate(chain([first], frames)):
        _check_frame(frame, first.shape, pixel_format)
        stored = from_rgb.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"),
            format=pixel_format,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            threads=1,  # otherwise as many as there are cores, started for each frame
        )
        stored.pts, stored.time_base = index, 1 / fps
        output.mux(video.encode(stored))
        if sound is not None:
            sound.write_until((index + 1) / fps)
    output.mux(video.encode(None))
    if sound is not None:
        sound.finish()


def _sound_writer(
    output: OutputContainer, audio: AudioTrack | CopiedSound | None
) -> "_SoundWriter | PacketWriter | None":
    if isinstance(audio, CopiedSound):
        return PacketWriter(output, audio)
    return None if audio is None else _SoundWriter(output, audio)


def _check_frame(frame: Bytes, shape: tuple[int, ...], pixel_format: str) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != shape:
        raise ValueError(
            f"encode_video: frame of {frame.dtype} {frame.shape}, expected uint8 (H, W, 3) RGB, "
            f"all of one size (the first one is {shape})"
        )
    if pixel_format == "yuv420p" and (shape[0] % 2 or shape[1] % 2):
        raise ValueError(f"encode_video: yuv420p needs even height and width, got {shape[:2]}")


def _set_up_video(video: VideoStream, frame: Bytes, pixel_format: str, threads: int) -> None:
    context = video.codec_context
    context.height, context.width = frame.shape[:2]
    context.pix_fmt = pixel_format
    context.thread_count = threads
    context.flags |= Flags.bitexact
    context.colorspace = Colorspace.SMPTE170M
    context.color_range = ColorRange.MPEG


class _SoundWriter:
    """Write an audio stream, interleaved with the video."""

    def __init__(self, output: OutputContainer, audio: AudioTrack) -> None:
        self.audio = audio
        self.samples, channels = audio.shape
        self.rate = audio.rate
        self.layout = LAYOUTS[channels]
        self.written = 0
        self.output = output
        stream = output.add_stream(audio.codec, rate=audio.rate, layout=self.layout)
        assert isinstance(stream, AudioStream)
        stream.codec_context.flags |= Flags.bitexact
        if audio.bit_rate is not None:
            stream.codec_context.bit_rate = audio.bit_rate
        self.stream = stream

    def write_until(self, time_s: Fraction | float) -> None:
        """Encode whole packets up to `time_s`."""
        while self.written + SAMPLES_PER_PACKET <= min(int(time_s * self.rate), self.samples):
            self._write(SAMPLES_PER_PACKET)

    def finish(self) -> None:
        """Encode the remaining samples and flush the encoder."""
        while self.written < self.samples:
            self._write(min(SAMPLES_PER_PACKET, self.samples - self.written))
        self.output.mux(self.stream.encode(None))

    def _write(self, samples: int) -> None:
        chunk_CS = self.audio.read(self.written, samples)
        if self.stream.codec_context.name.startswith("pcm_s16"):  # rounding, not truncation
            values = np.rint(chunk_CS * 32767).astype(np.int16)
            packed = np.ascontiguousarray(values.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=self.layout)
        else:
            frame = av.AudioFrame.from_ndarray(chunk_CS, format="fltp", layout=self.layout)
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self.written
        self.output.mux(self.stream.encode(frame))
        self.written += samples
