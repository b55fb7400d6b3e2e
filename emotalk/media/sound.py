"""The sound of any media file from time 0 of its clock, or the reason why not."""

from pathlib import Path

import av
import numpy as np

from emotalk.media.container import MediaInfo, open_media, probe, sound_stream, unreadable
from emotalk.media.resample import resample
from emotalk.schema import SAMPLE_RATE, Floats, Rejection

SHORT_AUDIO_S = 0.2


def read_audio(path: Path, *, rate: int = SAMPLE_RATE, info: MediaInfo | None = None) -> Floats:
    """Return a file's sound from time 0 of its clock: float32 mono (S,) in [-1, 1] at `rate` Hz.

    Channels are averaged. A stream that starts late is preceded by zeros, one that starts before
    time 0 is cut. Resampling is band-limited (windowed sinc over 64 zero crossings, Kaiser).

    Args:
        path: the file.
        rate: samples a second of what is returned.
        info: what `probe` says of the file, where that is known already.

    Raises:
        Rejection: `missing`, `empty_file`, `git_lfs_pointer`, `unreadable`, `no_audio`, and
            `truncated_audio` where fewer samples come out than the stream's header promises
            (decord does not say).
    """
    info = info or probe(path)
    if not info.has_audio:
        raise Rejection("no_audio", f"{path.name}: holds no audio stream")
    samples, source_rate = _decoded_audio(path)
    _check_length(path, info, samples.size / source_rate)
    audio_S = resample(_from_time_zero(samples, info.audio_start_s, source_rate), source_rate, rate)
    return np.clip(audio_S, -1.0, 1.0)


def _decoded_audio(path: Path) -> tuple[Floats, int]:
    """Return mono samples at the stream's own rate, and that rate.

    By PyAV: decord sums stereo 1.4 times too loud, and its separate channels are not to be trusted.
    """
    chunks: list[Floats] = []
    rate = 0
    try:
        with open_media(path) as container:
            stream = sound_stream(container)
            rate = int(stream.codec_context.sample_rate or 0)
            # packed: PyAV's view of the planes ends the process where there are 8 channels or more
            packed = av.AudioResampler(format="flt", rate=rate or None)
            for frame in container.decode(stream):
                chunks += [_mean_of_channels(part) for part in packed.resample(frame)]
    except (av.FFmpegError, OSError, ValueError) as error:
        if not chunks:
            raise unreadable(path, error) from None  # else the length tells how much is missing
    if not rate or not any(chunk.size for chunk in chunks):
        raise Rejection("no_audio", f"{path.name}: the audio stream holds no sample")
    return np.concatenate(chunks).astype(np.float32), rate


def _mean_of_channels(packed: av.AudioFrame) -> Floats:
    samples_SC: Floats = packed.to_ndarray().reshape(-1, len(packed.layout.channels))
    mean_S: Floats = np.einsum("sc->s", samples_SC) / np.float32(samples_SC.shape[1])
    return mean_S


def _check_length(path: Path, info: MediaInfo, decoded_s: float) -> None:
    promised = info.audio_duration_s
    if promised is None and not info.has_video:
        promised = info.duration_s
    if promised is not None and decoded_s < promised - SHORT_AUDIO_S:
        raise Rejection(
            "truncated_audio",
            f"{path.name}: {decoded_s:.2f} s of sound could be decoded of the {promised:.2f} s its "
            f"header promises (limit {SHORT_AUDIO_S} s less)",
        )


def _from_time_zero(samples: Floats, start_s: float, rate: int) -> Floats:
    offset = round(start_s * rate)
    if offset >= 0:
        return np.concatenate([np.zeros(offset, np.float32), samples])
    return samples[-offset:]
