"""Read a video of a scene as aligned crops at 25 Hz, cut as the ETL cuts clips."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from emotalk.faces.align import alignment, warp
from emotalk.faces.landmarks import FaceLandmarks, LandmarkDetector
from emotalk.faces.plausible import landmark_fault
from emotalk.faces.shape import transform_points
from emotalk.media.frames import VideoFrames, read_video
from emotalk.media.nearest import Indices, nearest
from emotalk.media.sound import read_sound
from emotalk.schema import (
    FPS,
    LANDMARKS,
    SAMPLES_PER_FRAME,
    SIZE,
    Bytes,
    Doubles,
    Floats,
    Rejection,
)

SEARCHED = 25  # frames: a face that begins later fixes no crop
NEARBY_PX = 4.0  # crop pixels at the crop's corners
SLACK_S = 0.002  # time stamps of some containers are rounded to milliseconds
NO_SOUND = ("no_audio",)


@dataclass(frozen=True)
class AlignedVideo:
    """A video as crops at 25 Hz, beginning with its first frame."""

    frames_THWC: Bytes  # uint8 RGB, 128 x 128
    landmarks_TLP: Floats  # in crop pixels; NaN without a face, and where they were not looked for
    sound_S: Floats | None  # mono at 8 kHz, 320 samples a frame; None without a sound stream
    transform: Doubles | None  # 2 x 3, from the video's to the crop's pixels; None: not cut
    size: tuple[int, int]  # height and width of its pictures
    fps: float  # frames a second of the file, the median
    several_faces: int  # frames that show several faces; the largest was taken


def read_aligned(
    path: Path,
    detector: LandmarkDetector | None,
    *,
    max_seconds: float,
    transform: Doubles | None = None,
    nearby: "AlignedVideo | None" = None,
    every_face: bool = False,
) -> AlignedVideo:
    """Return a video's crops and its sound.

    One similarity, by the landmarks of the first frame with a whole face, cuts all frames. Frames
    are taken at 25 Hz, each the nearest in time; sound begins with the first frame.

    Args:
        path: a file of a format of `media.allowed_formats`.
        detector: finds the face; None: the pictures are aligned crops already.
        max_seconds: longer videos are refused before they are decoded.
        transform: cuts the frames in place of the video's own.
        nearby: a video whose similarity cuts the frames if the pictures have its size and the face
            lies where it does there: within `NEARBY_PX`, which is the landmarks' error.
        every_face: also find the landmarks of every frame.

    Raises:
        Rejection: no video, damaged, too long, no whole face within its first 25 frames, or no crop
            where a crop is expected.
    """
    video = read_video(path)
    shown_T = _ticks(video, max_seconds)
    sound_S = _sound(path, video, len(shown_T), max_seconds)
    if detector is None:
        _check_crop(video)
    elif transform is None:
        transform = _first_transform(video, shown_T, detector)
        if nearby is not None and nearby.size == video.size:
            transform = _same_place(transform, nearby.transform)
    frames: dict[int, Bytes] = {}
    landmarks: dict[int, Floats] = {}
    several = 0
    for index, frame_HWC, face in _frames_and_faces(video, shown_T, detector, every_face):
        frames[index] = frame_HWC if transform is None else warp(frame_HWC, transform)
        several += face is not None and face.count > 1
        landmarks[index] = _in_crop(face, transform)
    return AlignedVideo(
        frames_THWC=np.stack([frames[index] for index in shown_T.tolist()]),
        landmarks_TLP=np.stack([landmarks[index] for index in shown_T.tolist()]),
        sound_S=sound_S,
        transform=transform,
        size=video.size,
        fps=_fps(video.times_s),
        several_faces=several,
    )


def read_speech(path: Path, *, max_seconds: float) -> Floats | None:
    """Return the sound of a video as `read_aligned` does, without a look at its pictures.

    Raises:
        Rejection: as there.
    """
    video = read_video(path)
    return _sound(path, video, len(_ticks(video, max_seconds)), max_seconds)


def _ticks(video: VideoFrames, max_seconds: float) -> Indices:
    """Return the frame that is shown at each tick of 25 Hz, from the first frame on, (T,)."""
    times_s = video.times_s
    step_s = 1 / _fps(times_s)
    seconds = float(times_s[-1] - times_s[0]) + step_s
    if seconds > max_seconds:
        raise Rejection(
            "too_long", f"{video.path.name}: {seconds:.1f} s, at most {max_seconds:g} (max_seconds)"
        )
    ticks = int((seconds + SLACK_S) * FPS)
    if ticks < 1:
        raise Rejection("too_short", f"{video.path.name}: {seconds:.3f} s, at least one frame")
    return nearest(times_s, times_s[0] + np.arange(ticks) / FPS)


def _fps(times_s: Doubles) -> float:
    return float(1 / np.median(np.diff(times_s))) if len(times_s) > 1 else float(FPS)


def _sound(path: Path, video: VideoFrames, frames: int, max_seconds: float) -> Floats | None:
    """Return the sound of the shown frames; None where the file has none."""
    if not video.info.has_audio:
        return None
    try:
        sound = read_sound(path, info=video.info, max_s=2 * max_seconds)
    except Rejection as rejection:
        if rejection.reason in NO_SOUND:
            return None
        raise
    return sound.between(float(video.times_s[0]), frames * SAMPLES_PER_FRAME)


def _check_crop(video: VideoFrames) -> None:
    if video.size != (SIZE, SIZE):
        height, width = video.size
        raise Rejection(
            "no_face",
            f"{video.path.name}: {width} x {height} pixels, and align is none, which takes aligned "
            f"crops of {SIZE} x {SIZE}",
        )


def _first_transform(video: VideoFrames, shown_T: Indices, detector: LandmarkDetector) -> Doubles:
    """Return the similarity that the first whole face fixes."""
    fault = "no face"
    for frame_HWC in islice(video.at(np.unique(shown_T).tolist()), SEARCHED):
        face = detector.detect([frame_HWC])[0]
        height, width = frame_HWC.shape[:2]
        found = landmark_fault(face, (height, width)) if face.count else "no face"
        if found is None and face.landmarks_LP is not None:
            return alignment(face.landmarks_LP)
        fault = found or fault
    seen = min(SEARCHED, len(np.unique(shown_T)))
    raise Rejection(
        "no_face", f"{video.path.name}: no whole face in its first {seen} frames ({fault})"
    )


def _same_place(own: Doubles, other: Doubles | None) -> Doubles:
    """Return the other similarity if it cuts a crop from nearly the same place, else the own."""
    if other is None:
        return own
    corners = np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]], np.float64)
    pixels = transform_points(cv2.invertAffineTransform(other), corners)
    apart = np.linalg.norm(transform_points(own, pixels) - corners, axis=1).max()
    return other if apart <= NEARBY_PX else own


def _frames_and_faces(
    video: VideoFrames, shown_T: Indices, detector: LandmarkDetector | None, every_face: bool
) -> Iterator[tuple[int, Bytes, FaceLandmarks | None]]:
    """Yield index, picture and, where it was looked for, face of each frame that is shown."""
    indices = np.unique(shown_T).tolist()
    if detector is None or not every_face:
        for index, frame_HWC in zip(indices, video.at(indices), strict=True):
            yield index, frame_HWC, None
        return
    tracked = detector.track(video.at(indices), clip=video.path, indices=indices)
    for index, (frame_HWC, face) in zip(indices, tracked, strict=True):
        yield index, frame_HWC, face


def _in_crop(face: FaceLandmarks | None, transform: Doubles | None) -> Floats:
    if face is None or face.landmarks_LP is None or transform is None:
        return np.full((LANDMARKS, 2), np.nan, np.float32)
    return transform_points(transform, face.landmarks_LP.astype(np.float64)).astype(np.float32)
