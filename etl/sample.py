"""From one raw clip to one aligned sample, or the reason why not."""

import hashlib
from pathlib import Path

import numpy as np

from emotalk.config.etl import EtlConfig, QualityConfig
from emotalk.faces.align import alignment, warp
from emotalk.faces.landmarks import FaceLandmarks, LandmarkFinder
from emotalk.faces.shape import transform_points
from emotalk.media.decode import VideoFrames, probe, read_audio, read_video
from emotalk.schema import AlignedSample, Bytes, Doubles, Floats, Rejection
from etl.clock import Timeline, sound_of, timeline
from etl.corpora.listing import SourceClip
from etl.quality import check_faces, check_length, check_loudness


def make_sample(clip: SourceClip, finder: LandmarkFinder, config: EtlConfig) -> AlignedSample:
    """Return a clip cropped, aligned and brought to 25 Hz and 8 kHz.

    The crop follows one similarity for the whole clip, from the landmarks of its first frame. At
    most a few source frames are in memory at a time.

    Raises:
        Rejection: the reason, with `clip` filled in.
    """
    try:
        video = read_video(clip.video)
        check_length(probe(clip.video).duration_s or len(video) / 25, _upper(config.quality))
        audio_S = _sound(clip)
        line = timeline(video.times_s, audio_S, config.quality)
        sound_S = sound_of(line, audio_S)
        check_loudness(sound_S, config.quality)
        frames_THWC, landmarks_TLP, transform = _crops(video, line, finder, config.quality)
    except Rejection as rejection:
        raise Rejection(rejection.reason, rejection.detail, clip.label.clip) from None
    return AlignedSample(
        label=clip.label,
        frames_THWC=frames_THWC,
        audio_S=sound_S,
        landmarks_TLP=landmarks_TLP,
        transform=transform,
        source_sha256=_sha256(clip.video),
    )


def _upper(limits: QualityConfig) -> QualityConfig:
    """Return the limits without the lower one: a header may say too little, never too much work."""
    return limits.model_copy(update={"min_seconds": 0.0})


def _sound(clip: SourceClip) -> Floats:
    """Return the sound of the video, or where that has none, of the file beside it."""
    try:
        return read_audio(clip.video)
    except Rejection as rejection:
        if clip.audio is None or rejection.reason not in ("no_audio", "truncated_audio"):
            raise
        return read_audio(clip.audio)


def _crops(
    video: VideoFrames, line: Timeline, finder: LandmarkFinder, limits: QualityConfig
) -> tuple[Bytes, Floats, Doubles]:
    """Return crops (T, H, W, 3), landmarks (T, 68, 2) in crop pixels, and the transform."""
    wanted, which_T = np.unique(line.source_T, return_inverse=True)
    crops: list[Bytes] = []
    found: list[FaceLandmarks] = []
    transform: Doubles | None = None
    indices = wanted.tolist()
    for frame, face in finder.follow(video.at(indices), clip=video.path, indices=indices):
        if transform is None:
            transform = _transform(face)
        crops.append(warp(frame, transform))
        found.append(face)
    check_faces(found, limits)
    if transform is None:
        raise Rejection("too_short", "no frame")
    points_TLP = np.stack([f.landmarks_LP for f in found if f.landmarks_LP is not None])
    in_crop = transform_points(transform, points_TLP.astype(np.float64)).astype(np.float32)
    return np.stack(crops)[which_T], in_crop[which_T], transform


def _transform(first: FaceLandmarks) -> Doubles:
    if first.landmarks_LP is None:
        raise Rejection("no_face", "no face in the first frame, which sets the crop")
    try:
        return alignment(first.landmarks_LP)
    except ValueError as error:
        raise Rejection("bad_landmarks", f"the first frame cannot be aligned: {error}") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
