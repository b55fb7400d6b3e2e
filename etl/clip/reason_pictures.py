"""Choose a frame of a rejected clip that shows the reason."""

from collections.abc import Sequence

import numpy as np

from emotalk.faces.draw import draw_landmarks
from emotalk.faces.landmarks import FaceLandmarks
from emotalk.media.frames import VideoFrames
from emotalk.media.thumbnail import shrunk
from emotalk.schema import SIZE, Bytes, Floats, Rejection

WITHOUT_PICTURE = ("unreadable", "no_video", "no_times")
"""Reasons for which no frame is decoded to have a picture."""


class ReasonPictures:
    """Keep the frames of a clip that may be needed, shrunk: its middle one, and odd ones."""

    def __init__(self, frames: int, *, max_faces: int) -> None:
        """Start before the first of so many frames."""
        self._middle = frames // 2
        self._max_faces = max_faces
        self._seen = 0
        self._frames: dict[str, Bytes] = {}

    def add(self, frame_HWC: Bytes, face: FaceLandmarks, *, new_shot: bool = False) -> None:
        """Look at the next frame; `new_shot` if a new shot was found with it."""
        if new_shot:
            self._keep("shot_change", frame_HWC)
        if face.landmarks_LP is None:
            self._keep("no_face", frame_HWC)
        elif face.count > self._max_faces:
            self._keep("several_faces", frame_HWC)
        if self._seen == self._middle:
            self._keep("", frame_HWC)
        self._seen += 1

    def of(self, reason: str, crops: Sequence[Bytes], landmarks: Sequence[Floats]) -> Bytes | None:
        """Return the picture for a reason; None before the middle of the clip.

        The crop where the reason is one of the crop, with the landmarks that lie furthest outside
        where it is one of the landmarks.
        """
        if crops and reason == "blurred":
            return crops[len(crops) // 2]
        if crops and reason in ("bad_landmarks", "leaves_crop"):
            middle = (SIZE - 1) / 2
            worst = int(np.argmax([np.abs(points_LP - middle).max() for points_LP in landmarks]))
            points_LP = np.clip(np.nan_to_num(landmarks[worst], nan=-SIZE), -SIZE, 2 * SIZE)
            return draw_landmarks(crops[worst], points_LP)
        return self._frames.get(reason, self._frames.get(""))

    def _keep(self, reason: str, frame_HWC: Bytes) -> None:
        if reason not in self._frames:
            self._frames[reason] = shrunk(frame_HWC)


def first_picture(video: VideoFrames) -> Bytes | None:
    """Return the first frame of a video, shrunk; None where it cannot be decoded."""
    try:
        return shrunk(next(video.at([0])))
    except Rejection:
        return None
