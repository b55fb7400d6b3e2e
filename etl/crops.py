"""The aligned crops of one clip, cut while its frames go by."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotalk.config.etl import EtlConfig
from emotalk.faces.align import alignment, warp
from emotalk.faces.landmarks import FaceLandmarks, LandmarkFinder
from emotalk.faces.shape import transform_points
from emotalk.media.decode import VideoFrames
from emotalk.schema import Bytes, Doubles, Floats, Rejection
from etl.quality import check_faces, check_picture

Indices = NDArray[np.int64]


@dataclass
class Crops:
    """Neighbouring source frames that all show a face.

    Attributes:
        start: number of the first one among the frames looked at.
        frames: crops, uint8 RGB.
        landmarks: 68 points of each in crop pixels.
        transforms: from source to crop pixels: one for all frames or one for each.
    """

    start: int
    frames: list[Bytes] = field(default_factory=list)
    landmarks: list[Floats] = field(default_factory=list)
    transforms: list[Doubles] = field(default_factory=list)

    @property
    def end(self) -> int:
        """One past the number of the last frame."""
        return self.start + len(self.frames)

    def add(self, frame: Bytes, landmarks_LP: Floats, *, every_frame: bool) -> None:
        """Cut one more frame, aligned by its own landmarks or as the first one is."""
        if every_frame or not self.transforms:
            self.transforms.append(_alignment(landmarks_LP))
        transform = self.transforms[-1]
        moved = transform_points(transform, landmarks_LP.astype(np.float64))
        self.landmarks.append(moved.astype(np.float32))
        self.frames.append(warp(frame, transform))


def cut_crops(
    video: VideoFrames, source_T: Indices, finder: LandmarkFinder, config: EtlConfig
) -> tuple[Crops, slice, Indices]:
    """Return a clip's crops, which of the ticks they cover, and for each of these its crop.

    With `quality.min_face_share` 1 a frame without a face rejects the clip. With less, the longest
    stretch of frames that all have one is kept, if it is that share of the clip.

    Args:
        video: the clip; a few frames are in memory at a time.
        source_T: for each tick of 25 Hz the index of its source frame, rising.
        finder: finds and follows the face.
        config: sections `align` and `quality`.

    Raises:
        Rejection: `no_face`, `bad_landmarks` and what `quality` refuses.
    """
    wanted, which_T = np.unique(source_T, return_inverse=True)
    indices = wanted.tolist()
    stretches = [Crops(0)]
    found: list[FaceLandmarks] = []
    for number, (frame, face) in enumerate(
        finder.follow(video.at(indices), clip=video.path, indices=indices)
    ):
        found.append(face)
        if face.landmarks_LP is None:
            stretches = [_longest(stretches), Crops(number + 1)]
        else:
            every = config.align == "every_frame"
            stretches[-1].add(frame, face.landmarks_LP, every_frame=every)
    crops = _longest(stretches)
    ticks = slice(*np.searchsorted(which_T, (crops.start, crops.end)).tolist())
    check_faces(found, covered=(ticks.stop - ticks.start) / len(which_T), limits=config.quality)
    check_picture(crops.frames, found[crops.start : crops.end], video.size, config.quality)
    return crops, ticks, which_T[ticks] - crops.start


def _longest(stretches: list[Crops]) -> Crops:
    return max(stretches, key=lambda crops: len(crops.frames))  # of equals the first


def _alignment(landmarks_LP: Floats) -> Doubles:
    try:
        return alignment(landmarks_LP)
    except ValueError as error:
        raise Rejection("bad_landmarks", f"a frame cannot be aligned by them: {error}") from None
