"""Cut the aligned crops of a clip frame by frame."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from emotalk.config.etl import EtlConfig, QualityConfig
from emotalk.faces.align import alignment, warp
from emotalk.faces.landmarks import FaceLandmarks, LandmarkDetector
from emotalk.faces.shape import transform_points
from emotalk.media.frames import VideoFrames
from emotalk.schema import Bytes, Doubles, Floats, Rejection
from etl.clip.one_shot import ClipShots, check_jumps
from etl.clip.quality import (
    check_faces,
    check_inside_crop,
    check_landmarks,
    check_motion,
    check_picture,
)
from etl.clip.reason_pictures import ReasonPictures
from etl.clip.timeline import Timeline


@dataclass
class Crops:
    """Neighbouring source frames that all show a face."""

    sources: list[int] = field(default_factory=list)  # index of each frame in the video, rising
    frames: list[Bytes] = field(default_factory=list)  # crops, uint8 RGB
    faces: list[FaceLandmarks] = field(default_factory=list)  # of each, in source pixels
    landmarks: list[Floats] = field(default_factory=list)  # 68 points of each frame in crop pixels
    transforms: list[Doubles] = field(default_factory=list)  # to crop pixels: one, or one a frame
    measures: dict[str, float] = field(default_factory=dict)  # values that the checks measured

    def add(self, source: int, frame: Bytes, face: FaceLandmarks, *, every_frame: bool) -> None:
        """Cut one more frame, aligned by its own landmarks or as the first one is."""
        landmarks_LP = face.landmarks_LP
        if landmarks_LP is None:
            raise ValueError("a frame without a face has no crop")
        if every_frame or not self.transforms:
            self.transforms.append(_alignment(landmarks_LP))
        transform = self.transforms[-1]
        moved = transform_points(transform, landmarks_LP.astype(np.float64))
        self.sources.append(source)
        self.faces.append(face)
        self.landmarks.append(moved.astype(np.float32))
        self.frames.append(warp(frame, transform))

    def transforms_at(self, line: Timeline, ticks: slice) -> Doubles:
        """Return the one transform (1, 2, 3), or those of the frames that the ticks use."""
        if len(self.transforms) == 1:
            return np.stack(self.transforms)
        first, last = line.source_T[ticks][0], line.next_T[ticks][-1]
        used = (np.array(self.sources) >= first) & (np.array(self.sources) <= last)
        return np.stack([t for t, kept in zip(self.transforms, used, strict=True) if kept])


def cut_crops(
    video: VideoFrames, line: Timeline, detector: LandmarkDetector, config: EtlConfig
) -> tuple[Crops, slice]:
    """Return the crops of the frames that the ticks need, and the ticks that they cover.

    With `quality.min_face_share` 1 a frame without a face rejects the clip. With less, the longest
    stretch of frames that all have one is kept, if it is that share of the clip. A few source
    frames are in memory at a time.

    Raises:
        Rejection: `no_face`, `bad_landmarks`, `leaves_crop` and what `quality` refuses, with the
            picture of a frame.
    """
    indices = np.union1d(line.source_T, line.next_T).tolist()
    stretches = [Crops()]
    found: list[FaceLandmarks] = []
    pictures = ReasonPictures(len(indices), max_faces=config.quality.max_faces)
    shots = ClipShots(config.quality)
    rows = [video.first + index for index in indices]
    for index, (frame, face) in zip(
        indices, detector.track(video.at(indices), clip=video.path, indices=rows), strict=True
    ):
        found.append(face)
        pictures.add(frame, face, new_shot=shots.add(frame))
        if face.landmarks_LP is None:
            stretches = [_longest(stretches), Crops()]
        else:
            every = config.align == "every_frame"
            stretches[-1].add(index, frame, face, every_frame=every)
    crops = _longest(stretches)
    ticks = line.between(crops.sources[0], crops.sources[-1] + 1) if crops.sources else slice(0, 0)
    covered = (ticks.stop - ticks.start) / line.frames
    begin = bisect_left(indices, crops.sources[0]) if crops.sources else 0
    kept = range(begin, begin + len(crops.sources))
    times_s = video.times_s[indices]
    try:
        crops.measures["face_pixels"] = check_faces(found, covered=covered, limits=config.quality)
        shots.check(kept, times_s)
        _check(crops, found, times_s[kept], video.size, config.quality)
    except Rejection as rejection:
        rejection.measures = crops.measures | rejection.measures
        rejection.picture_HWC = pictures.of(rejection.reason, crops.frames, crops.landmarks)
        raise
    return crops, ticks


def _check(
    crops: Crops,
    found: Sequence[FaceLandmarks],
    times_s: Doubles,
    size: tuple[int, int],
    limits: QualityConfig,
) -> None:
    """Check picture, landmarks and motion of the crops, and keep what was measured in them."""
    crops.measures["sharpness"] = check_picture(crops.frames, crops.faces, size, limits)
    looks = [face for face in found if face.drift is not None]
    crops.measures |= check_landmarks(crops.faces, size, limits, looks=looks)
    crops.measures |= check_jumps(crops.faces, times_s, limits)
    crops.measures |= check_motion(crops.frames, crops.landmarks, times_s, limits)
    check_inside_crop(crops.landmarks, limits)


def resample(crops: Crops, line: Timeline, ticks: slice) -> tuple[Bytes, Floats]:
    """Return the crops (T, H, W, 3) and landmarks (T, 68, 2) at these ticks."""
    first = np.searchsorted(crops.sources, line.source_T[ticks])
    second = np.searchsorted(crops.sources, line.next_T[ticks])
    weight_T = line.weight_T[ticks]
    frames_THWC = np.stack([crops.frames[index] for index in first])
    landmarks_TLP = np.stack([crops.landmarks[index] for index in first])
    for tick in np.flatnonzero(weight_T):
        share = float(weight_T[tick])
        other = crops.frames[second[tick]]
        frames_THWC[tick] = cv2.addWeighted(frames_THWC[tick], 1 - share, other, share, 0.0)
        landmarks_TLP[tick] += share * (crops.landmarks[second[tick]] - landmarks_TLP[tick])
    return frames_THWC, landmarks_TLP


def _longest(stretches: list[Crops]) -> Crops:
    return max(stretches, key=lambda crops: len(crops.frames))  # of equals the first


def _alignment(landmarks_LP: Floats) -> Doubles:
    try:
        return alignment(landmarks_LP)
    except ValueError as error:
        raise Rejection("bad_landmarks", f"a frame cannot be aligned by them: {error}") from None
