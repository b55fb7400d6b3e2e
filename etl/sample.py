"""From one raw clip to one aligned sample, or the reason why not."""

import hashlib
from pathlib import Path

import numpy as np

from emotalk.config.etl import EtlConfig, QualityConfig
from emotalk.faces.landmarks import LandmarkFinder
from emotalk.media.decode import probe, read_audio, read_video
from emotalk.schema import SAMPLES_PER_FRAME, AlignedSample, Floats, Rejection
from etl.clock import sound_of, timeline
from etl.corpora.listing import SourceClip
from etl.crops import cut_crops, on_ticks
from etl.quality import check_length, check_loudness
from etl.source import on_disk


def make_sample(clip: SourceClip, finder: LandmarkFinder, config: EtlConfig) -> AlignedSample:
    """Return a clip cropped, aligned and brought to 25 Hz and 8 kHz.

    The crop follows one similarity for the whole clip, from the landmarks of its first frame, or
    one for each frame (`align`). At most a few source frames are in memory at a time.

    Raises:
        Rejection: the reason, with `clip` filled in.
    """
    try:
        with on_disk(clip.video) as path:
            return _aligned(clip, path, finder, config)
    except Rejection as rejection:
        raise Rejection(rejection.reason, rejection.detail, clip.label.clip) from None


def _aligned(
    clip: SourceClip, path: Path, finder: LandmarkFinder, config: EtlConfig
) -> AlignedSample:
    video = read_video(path)
    check_length(probe(path).duration_s or len(video) / 25, _upper(config.quality))
    audio_S = _sound(clip, path)
    line = timeline(video.times_s, audio_S, config.quality, config.resampling)
    sound_S = sound_of(line, audio_S)
    check_loudness(sound_S, config.quality)
    crops, ticks = cut_crops(video, line, finder, config)
    frames_THWC, landmarks_TLP = on_ticks(crops, line, ticks)
    samples = slice(ticks.start * SAMPLES_PER_FRAME, ticks.stop * SAMPLES_PER_FRAME)
    return AlignedSample(
        label=clip.label,
        frames_THWC=frames_THWC,
        audio_S=sound_S[samples],
        landmarks_TLP=landmarks_TLP,
        transforms=np.stack(crops.transforms),
        source_sha256=_sha256(path),
    )


def _upper(limits: QualityConfig) -> QualityConfig:
    """Return the limits without the lower one: a header may say too little, never too much work."""
    return limits.model_copy(update={"min_seconds": 0.0})


def _sound(clip: SourceClip, video: Path) -> Floats:
    """Return the sound of the video, or where that has none, of the file beside it."""
    try:
        return read_audio(video)
    except Rejection as rejection:
        if clip.audio is None or rejection.reason not in ("no_audio", "truncated_audio"):
            raise
    with on_disk(clip.audio) as audio:
        return read_audio(audio)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
