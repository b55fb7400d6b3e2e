"""Detect landmarks on every frame of a clip, and run the face detector only when it is needed.

The landmark model needs a box around the face. The face detector gives the first one. In later
frames the box keeps its place and size relative to the landmarks (`emotalk.faces.face_track`).
Landmarks are never smoothed, predicted or copied. A doubtful track only causes a detection; the
face detector alone decides whether there is a face.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from emotalk.faces.face_track import FaceTrack
from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, box_areas, largest_first
from emotalk.faces.steadiness import FaceModel, measure_drift
from emotalk.schema import Bytes, Doubles

DRIFT_EVERY = 50  # frames, from the first on
MIN_OVERLAP = 0.4  # of a detected box with the tracked one, for both to be the same face


class TrackingDetector(FaceModel):
    """Combine a face detector with a landmark model, and track faces between detections.

    Attributes:
        detect_every: `track` runs the face detector on every n-th frame at least; 1: on each.
    """

    def __init__(self, *, detect_every: int = 1) -> None:
        self.detect_every = detect_every

    def detect(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the faces of independent frames."""
        return [self._detected(frame, None)[0] for frame in frames]

    def track(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame of one clip with its face, in order, holding one frame at a time.

        A tracked frame counts one face with the score of its last detection. While several faces or
        none are detected, every frame is. The landmarks' drift is measured every `DRIFT_EVERY`
        frames.
        """
        track: FaceTrack | None = None
        age = 0
        for number, frame in enumerate(frames):
            age += 1
            face = self._tracked(frame, track) if track and age < self.detect_every else None
            if face is None:
                face, track = self._detected(frame, track)
                age = 0
            if number % DRIFT_EVERY == 0:
                face = measure_drift(self, frame, face)
            yield frame, face

    def _tracked(self, frame: Bytes, track: FaceTrack) -> FaceLandmarks | None:
        """Return the tracked face in this frame, or None if it must be detected again."""
        box = track.box
        landmarks_LP = self.landmarks(frame, box)
        if not track.advance(frame, landmarks_LP):
            return None
        return FaceLandmarks(1, box, track.score, landmarks_LP, (box,))

    def _detected(
        self, frame: Bytes, track: FaceTrack | None
    ) -> tuple[FaceLandmarks, FaceTrack | None]:
        """Return the detected faces, and the track that begins here if there is exactly one.

        Of several faces the landmarks are those of the tracked one, otherwise of the largest.
        """
        found = self.boxes(frame)
        if not len(found):
            return NO_FACE, None
        number = _same_face(found, track)
        box = found[number, :4].astype(np.float64)
        face = FaceLandmarks(
            count=len(found),
            box=box,
            score=float(np.clip(found[number, 4], 0.0, 1.0)),
            landmarks_LP=self.landmarks(frame, box),
            boxes=largest_first(found),
        )
        return face, FaceTrack.start(frame, face) if len(found) == 1 else None


def _same_face(found: Doubles, track: FaceTrack | None) -> int:
    """Return the index of the box that overlaps the tracked face most, or else of the largest."""
    if track is not None:
        overlaps = np.array([intersection_over_union(box[:4], track.box) for box in found])
        if overlaps.max() >= MIN_OVERLAP:
            return int(overlaps.argmax())
    return int(box_areas(found).argmax())


def intersection_over_union(box: Doubles, other: Doubles) -> float:
    """Return the intersection of two boxes over their union, in [0, 1]."""
    width, height = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    shared = max(0.0, float(width)) * max(0.0, float(height))
    areas = sum(float(np.prod(b[2:] - b[:2])) for b in (box, other))
    return shared / (areas - shared) if areas > shared else 0.0
