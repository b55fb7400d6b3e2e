"""Frames and sound of any media file, with their real times, or the reason why not.

decord decodes the picture, PyAV the sound; FFmpeg's demuxer says beforehand which streams there are
and when they start. Names are not trusted: a WAV named `.mp3` is read as what it is. Readers are
opened by whoever reads and never cross a process border: a decord reader hangs in a forked child.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import decord
import numpy as np
import torch
from decord._ffi.base import DECORDError

from emotalk.media.torchaudio_cpu import functional
from emotalk.schema import SAMPLE_RATE, Bytes, Doubles, Floats, Rejection

BATCH_BYTES = 64 * 2**20
LFS_HEADER = b"version https://git-lfs.github.com/spec/"
SHORT_AUDIO_S = 0.2

DECODER_ERRORS = (RuntimeError, DECORDError)

decord.logging.set_level(decord.logging.FATAL)
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


class VideoFrames:
    """The frames of one video, read in order or by index, a bounded number in memory at a time.

    Iterating yields every frame once, uint8 RGB (H, W, 3).
    """

    def __init__(self, path: Path, *, start_s: float = 0.0) -> None:
        """Open the file; `read_video` checks it first and turns faults into rejections."""
        self.path = path
        self.start_s = start_s
        self._reader = decord.VideoReader(str(path), num_threads=1)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._reader)

    @cached_property
    def times_s(self) -> Doubles:
        """Time of each frame in seconds (T,), rising, on the clock that the sound shares.

        Taken from the packets: decord's own stamps leave out the start offset of an FLV stream.
        """
        packets_s = _packet_times(self.path)
        if packets_s.size != len(self):  # a broken file: only the decoder knows which frames came
            stamps = np.asarray(self._reader.get_frame_timestamp(range(len(self))), np.float64)
            starts_s = stamps.reshape(len(self), 2)[:, 0]
            packets_s = starts_s - starts_s[0] + (packets_s[0] if packets_s.size else 0.0)
        return np.round(packets_s - self.start_s, 6)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._frames([0]).shape[1:3]
        return int(height), int(width)

    @property
    def batch(self) -> int:
        """How many frames fit into one batch of at most `BATCH_BYTES`."""
        height, width = self.size
        return max(1, BATCH_BYTES // (height * width * 3))

    def __iter__(self) -> Iterator[Bytes]:
        """Yield every frame in order."""
        return self.at(range(len(self)))

    def at(self, indices: Sequence[int]) -> Iterator[Bytes]:
        """Yield the frames with these indices, in the order given (rising is quickest).

        Raises:
            Rejection: `unreadable` where the stream breaks off.
        """
        for start in range(0, len(indices), self.batch):
            yield from self._frames(indices[start : start + self.batch])

    def _frames(self, indices: Sequence[int]) -> Bytes:
        try:
            frames_THWC: Bytes = self._reader.get_batch(list(indices)).asnumpy()
        except DECODER_ERRORS as error:
            raise Rejection(
                "unreadable",
                f"{self.path.name}: the video breaks off between frames {indices[0]} and "
                f"{indices[-1]} of {len(self)} ({_first_line(error)}); copy the file again",
            ) from None
        return frames_THWC


def read_video(path: Path) -> VideoFrames:
    """Return the frames of a video file and their times.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_video`.
    """
    info = probe(path)
    if not info.has_video:
        raise Rejection("no_video", f"{path.name}: holds no video stream")
    try:
        video = VideoFrames(path, start_s=info.start_s)
    except DECODER_ERRORS as error:
        raise _unreadable(path, error) from None
    if not len(video):
        raise Rejection("no_video", f"{path.name}: the video stream holds no frame")
    return video


def read_audio(path: Path, *, rate: int = SAMPLE_RATE) -> Floats:
    """Return a file's sound from time 0 of its clock: float32 mono (S,) in [-1, 1] at `rate` Hz.

    Channels are averaged. A stream that starts late is preceded by zeros, one that starts before
    time 0 is cut. Resampling is band-limited (windowed sinc over 64 zero crossings, Kaiser).

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_audio`, and
            `truncated_audio` where fewer samples come out than the stream's header promises
            (decord does not say).
    """
    info = probe(path)
    if not info.has_audio:
        raise Rejection(
            "no_audio", f"{path.name}: holds no audio stream; give a file with sound in it"
        )
    samples, source_rate = _decoded_audio(path)
    _check_length(path, info, samples.size / source_rate)
    audio_S = resample(_from_time_zero(samples, info.audio_start_s, source_rate), source_rate, rate)
    return np.clip(audio_S, -1.0, 1.0)


def resample(audio_S: Floats, rate: int, new_rate: int) -> Floats:
    """Return the signal at `new_rate` Hz, free of what lies above half of either rate.

    `ceil(S * new_rate / rate)` samples; sample 0 keeps its time.
    """
    if rate == new_rate or not audio_S.size:
        return audio_S.astype(np.float32)
    resampled: torch.Tensor = functional().resample(
        torch.from_numpy(np.ascontiguousarray(audio_S, np.float32)),
        rate,
        new_rate,
        lowpass_filter_width=32,
        rolloff=0.95,
        resampling_method="sinc_interp_kaiser",
        beta=12.0,
    )
    return resampled.numpy()


def probe(path: Path) -> MediaInfo:
    """Return what a media file's headers say.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`.
    """
    _check_file(path)
    try:
        with av.open(str(path)) as container:
            return _info(container)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _info(container: av.container.InputContainer) -> MediaInfo:
    audio = container.streams.audio[0] if container.streams.audio else None
    pictures = [
        s for s in container.streams.video if not s.disposition & s.disposition.attached_pic
    ]
    origin = max(0.0, (container.start_time or 0) / av.time_base)
    start = duration = None
    if audio is not None and audio.time_base is not None:
        start = None if audio.start_time is None else float(audio.start_time * audio.time_base)
        duration = None if audio.duration is None else float(audio.duration * audio.time_base)
    return MediaInfo(
        has_video=bool(pictures),
        has_audio=audio is not None,
        start_s=origin,
        duration_s=None if container.duration is None else container.duration / av.time_base,
        audio_start_s=start - origin if start is not None and pictures else 0.0,
        audio_duration_s=duration,
    )


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise Rejection(
            "missing", f"{path.name}: {'a dangling link' if path.is_symlink() else what}"
        )
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_HEADER))
    except OSError as error:
        raise _unreadable(path, error) from None
    if not head:
        raise Rejection("empty_file", f"{path.name}: 0 bytes; copy the file again")
    if head == LFS_HEADER:
        raise Rejection(
            "git_lfs_pointer",
            f"{path.name}: a git-lfs pointer stands in place of the media; "
            "run `git lfs pull` in the clone",
        )


def _packet_times(path: Path) -> Doubles:
    """Return the presentation times of all video packets in seconds, sorted; decodes nothing."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        times = [float(p.pts * p.time_base) for p in packets if p.pts is not None and p.time_base]
    return np.sort(np.asarray(times, np.float64))


def _unreadable(path: Path, error: Exception) -> Rejection:
    return Rejection(
        "unreadable",
        f"{path.name}: not a media file that FFmpeg reads ({_first_line(error)}); "
        "copy or convert it again",
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][-160:] if lines else type(error).__name__


def _decoded_audio(path: Path) -> tuple[Floats, int]:
    """Return mono samples at the stream's own rate, and that rate.

    By PyAV: decord sums stereo 1.4 times too loud, and its separate channels are not to be trusted.
    """
    chunks: list[Floats] = []
    rate = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate = int(stream.codec_context.sample_rate or 0)
            planar = av.AudioResampler(format="fltp", rate=rate or None)
            for frame in container.decode(stream):
                chunks += [np.mean(part.to_ndarray(), 0) for part in planar.resample(frame)]
    except (av.FFmpegError, OSError, ValueError) as error:
        if not chunks:
            raise _unreadable(path, error) from None  # else the length tells how much is missing
    if not rate or not any(chunk.size for chunk in chunks):
        raise Rejection("no_audio", f"{path.name}: the audio stream holds no sample")
    return np.concatenate(chunks).astype(np.float32), rate


def _check_length(path: Path, info: MediaInfo, decoded_s: float) -> None:
    promised = info.audio_duration_s
    if promised is None and not info.has_video:
        promised = info.duration_s
    if promised is not None and decoded_s < promised - SHORT_AUDIO_S:
        raise Rejection(
            "truncated_audio",
            f"{path.name}: {decoded_s:.2f} s of sound could be decoded of the {promised:.2f} s its "
            f"header promises (limit {SHORT_AUDIO_S} s less); copy the file again",
        )


def _from_time_zero(samples: Floats, start_s: float, rate: int) -> Floats:
    offset = round(start_s * rate)
    if offset >= 0:
        return np.concatenate([np.zeros(offset, np.float32), samples])
    return samples[-offset:]
