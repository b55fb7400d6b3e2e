"""Decode the packets of a file's audio stream to blocks of samples with their time stamps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from emotalk.media.allowed_formats import SOUND
from emotalk.media.container import (
    FLV,
    open_media,
    sound_stream,
    unreadable,
    unwrap_timestamp,
)
from emotalk.schema import Floats

MAX_RATE = 1_000_000  # samples a second
MAX_CHANNELS = 64
REPEATED = 2  # blocks with the same time stamp that is still used


@dataclass
class SoundFaults:
    """Faults of a file's sound."""

    packets: int = 0  # number of packets that could not be decoded
    cut_s: float = 0.0  # seconds of sound that were cut because they overlapped other sound


@dataclass(frozen=True)
class DecodedBlock:
    """Decoded samples (S, C); `stamp_s` is their time stamp, None where there is none."""

    stamp_s: float | None
    rate: int
    samples_SC: Floats

    @property
    def length_s(self) -> float:
        """Return the duration in seconds."""
        return len(self.samples_SC) / self.rate


def decode_blocks(
    path: Path, faults: SoundFaults, from_s: float | None = None
) -> Iterator[DecodedBlock]:
    """Yield the decoded blocks of all packets; count the packets with errors.

    With `from_s` it seeks to that time of the container's clock first. Where it lands depends on
    the container.

    PyAV decodes them: decord mixes stereo 1.4 times too loud, and its channels are unreliable.
    """
    any_decoded = False
    failure: Exception | None = None
    try:
        with open_media(path) as container:
            stream = sound_stream(container)
            to_float: dict[tuple[str, str, int], av.AudioResampler] = {}
            if from_s is not None:
                container.seek(int(from_s * av.time_base))
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    faults.packets += 1
                    failure = error
                    continue
                for frame in frames:
                    if frame.samples:
                        any_decoded = True
                        yield _as_floats(frame, to_float, container.format.name)
                if not packet.size and packet.pts is None and packet.dts is None:
                    break  # the decoder is flushed
    except (av.FFmpegError, OSError, ValueError) as error:
        failure = error  # the rest is missing; the caller compares the length
    if failure is not None and not any_decoded:
        raise unreadable(path, failure) from None


def drop_repeated_stamps(blocks: Iterable[DecodedBlock]) -> Iterator[DecodedBlock]:
    """Yield the blocks; of three or more with one time stamp only the first keeps it.

    Some writers give several blocks one time stamp. Two such blocks are placed by their neighbours.
    """
    stamp_s: float | None = None
    second: DecodedBlock | None = None  # of a row that may have no third one
    row = 0
    for block in blocks:
        row = row + 1 if block.stamp_s is not None and block.stamp_s == stamp_s else 1
        stamp_s = block.stamp_s
        if second is not None:
            yield replace(second, stamp_s=None) if row > REPEATED else second
            second = None
        if row == REPEATED:
            second = block
        else:
            yield replace(block, stamp_s=None) if row > REPEATED else block
    if second is not None:
        yield second


def _as_floats(
    frame: av.AudioFrame,
    to_float: dict[tuple[str, str, int], av.AudioResampler],
    format_name: str,
) -> DecodedBlock:
    """Return a frame's samples, one column a channel.

    All formats are converted to packed floats, except the planar floats of one or two channels that
    most decoders give: with 8 or more channels PyAV's view of the planes crashes the process.

    Raises:
        ValueError: an impossible rate or number of channels.
    """
    rate, channels = frame.sample_rate, frame.layout.nb_channels
    if not 0 < rate <= MAX_RATE or not 0 < channels <= MAX_CHANNELS:
        raise ValueError(f"sound of {channels} channels at {rate} Hz")
    time_s = _time_s(frame, format_name)
    if channels <= 2 and frame.format.name == "fltp":
        return DecodedBlock(time_s, rate, frame.to_ndarray().T)
    form = (frame.format.name, frame.layout.name, rate)
    if form not in to_float:
        to_float.clear()
        to_float[form] = av.AudioResampler(format="flt", rate=rate)
    parts = [part.to_ndarray().reshape(-1, channels) for part in to_float[form].resample(frame)]
    samples_SC = np.concatenate(parts) if len(parts) != 1 else parts[0]
    return DecodedBlock(time_s, rate, np.asarray(samples_SC, np.float32))


def _time_s(frame: av.AudioFrame, format_name: str) -> float | None:
    """Return a frame's time stamp in seconds; formats without any get none from FFmpeg's count."""
    if format_name in SOUND:
        return None
    if frame.pts is None or format_name != FLV:
        return None if frame.time is None else float(frame.time)
    return float(unwrap_timestamp(frame.pts, format_name) * frame.time_base)
