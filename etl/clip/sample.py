"""Turn one raw clip into one aligned sample, or reject it with a reason."""

from pathlib import Path

import numpy as np

from emotalk.config.etl import EtlConfig, QualityConfig
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.files.checksums import file_sha256
from emotalk.media.frames import VideoFrames, read_video
from emotalk.media.sound import Sound, read_sound
from emotalk.media.stretch_frames import Span, StretchFrames, read_stretch
from emotalk.media.stretch_sound import read_stretch_sound
from emotalk.schema import FPS, SAMPLES_PER_FRAME, AlignedSample, Rejection
from etl.clip.crops import cut_crops, resample
from etl.clip.quality import check_length, check_loudness, check_whole
from etl.clip.reason_pictures import WITHOUT_PICTURE, first_picture
from etl.clip.sync import judge_sync, parts_in_step, sync_measures
from etl.clip.timeline import sound_of, timeline
from etl.clip.words import read_words
from etl.corpora.listing import SourceClip, Stretch
from etl.corpora.media_file import on_disk

FAULTS_OF_SEEKING = (
    "file_changed", "unreadable", "no_times", "no_video", "no_audio", "audio_gaps",
    "truncated_video", "truncated_audio", "too_short",
)  # fmt: skip
"""Reasons for which a stretch is read once more, from the beginning of its recording."""
LONGEST_SOUND = 2  # times the longest clip: more is not read, whatever the picture's length


def make_sample(clip: SourceClip, detector: LandmarkDetector, config: EtlConfig) -> AlignedSample:
    """Return a clip cropped, aligned and brought to 25 Hz and 8 kHz.

    The crop is aligned by one similarity for the whole clip, from the landmarks of its first frame,
    or by one for each frame (`align`). At most a few source frames are in memory at a time.

    Raises:
        Rejection: the reason, with `clip`, what was measured and a picture where there is one.
    """
    try:
        with on_disk(clip.video) as path:
            if clip.stretch is None:
                return _sample(clip, read_video(path), detector, config)
            try:
                video = _stretch(path, clip.stretch, seeks=True)
                return _sample(clip, video, detector, config)
            except Rejection as rejection:
                if rejection.reason not in FAULTS_OF_SEEKING:
                    raise
            return _sample(clip, _stretch(path, clip.stretch, seeks=False), detector, config)
    except Rejection as rejection:
        rejection.clip = clip.label.clip
        raise rejection from None


def _stretch(path: Path, stretch: Stretch, *, seeks: bool) -> StretchFrames:
    return read_stretch(
        path,
        Span(stretch.start_ms / 1000, stretch.end_ms / 1000),
        first=stretch.first_frame,
        stamps_crc=stretch.stamps_crc,
        seeks=seeks,
    )


def _sample(
    clip: SourceClip, video: VideoFrames, detector: LandmarkDetector, config: EtlConfig
) -> AlignedSample:
    try:
        return _aligned(clip, video, detector, config)
    except Rejection as rejection:
        if rejection.picture_HWC is None and rejection.reason not in WITHOUT_PICTURE:
            rejection.picture_HWC = first_picture(video)
        raise


def _aligned(
    clip: SourceClip, video: VideoFrames, detector: LandmarkDetector, config: EtlConfig
) -> AlignedSample:
    limits = config.clip_limits if clip.stretch is None else config.quality
    promised_s = video.info.duration_s if clip.stretch is None else clip.stretch.seconds
    timed = None if clip.words is None else read_words(clip.words)
    only_upper = limits.model_copy(update={"min_seconds": 0.0})  # headers may understate the length
    check_length(promised_s or float(np.ptp(video.times_s)), only_upper)
    sound, is_own = _sound(clip, video, limits)
    line = timeline(video.times_s, sound, limits, config.resampling)
    check_whole(promised_s, max(line.end_s, sound.end_s if is_own else 0.0), limits)
    if timed is not None and clip.stretch is None:
        timed.check_end(max(promised_s or 0.0, line.end_s, sound.end_s))
    sound_S = sound_of(line, sound)
    measures = {"seconds": line.frames / FPS, "loudness_db": check_loudness(sound_S, limits)}
    try:
        crops, ticks = cut_crops(video, line, detector, config)
        measures |= crops.measures | {"seconds": (ticks.stop - ticks.start) / FPS}
        frames_THWC, landmarks_TLP = resample(crops, line, ticks)
        sound_S = sound_S[ticks.start * SAMPLES_PER_FRAME : ticks.stop * SAMPLES_PER_FRAME]
        sync = judge_sync(landmarks_TLP, sound_S, limits)
    except Rejection as rejection:
        rejection.measures = measures | rejection.measures
        raise
    seen, heard = parts_in_step(len(frames_THWC), 0 if sync is None else sync.shifted)
    if sync is not None:
        measures |= sync_measures(sync) | {"seconds": (seen.stop - seen.start) / FPS}
        check_length(measures["seconds"], limits)
    start_s = clip.start_s + line.start_s + (ticks.start + heard.start) / FPS
    return AlignedSample(
        label=clip.label,
        frames_THWC=frames_THWC[seen],
        audio_S=sound_S[heard.start * SAMPLES_PER_FRAME : heard.stop * SAMPLES_PER_FRAME],
        landmarks_TLP=landmarks_TLP[seen],
        transforms=crops.transforms_at(
            line, slice(ticks.start + seen.start, ticks.start + seen.stop)
        ),
        source_sha256=clip.video_sha256 or file_sha256(video.path),
        words=None if timed is None else timed.within(start_s, seen.stop - seen.start),
        words_sha256="" if timed is None else timed.sha256,
        sync=sync,
        measures=measures,
    )


def _sound(clip: SourceClip, video: VideoFrames, limits: QualityConfig) -> tuple[Sound, bool]:
    """Return the video's sound and True, or the sound of the file beside it and False."""
    if isinstance(video, StretchFrames):
        return read_stretch_sound(video.path, video.info, video.span, seeks=video.seeks), True
    max_s = LONGEST_SOUND * limits.max_seconds
    try:
        return read_sound(video.path, info=video.info, max_s=max_s), True
    except Rejection as rejection:
        if clip.audio is None or rejection.reason not in ("no_audio", "truncated_audio"):
            raise
    with on_disk(clip.audio) as audio:
        return read_sound(audio, max_s=max_s), False
