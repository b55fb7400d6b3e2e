"""One face followed through a clip: the detector where it is needed, landmarks on every frame.

A landmark model cuts its own crop out of the frame, by the box that the detector gave it. Frames of
a clip differ little, so the next box can be computed: the detector's last box keeps its place and
size relative to the landmarks. Nothing is smoothed, predicted or carried over: each frame's
landmarks are the model's answer to that frame. Whether the face is still there is never guessed
either: what makes tracking doubtful (`_Track.doubtful`) only calls the detector, which decides.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, largest_first
from emotalk.faces.shape import similarity
from emotalk.faces.steadiness import looked_at_again
from emotalk.faces.template import template_LP
from emotalk.schema import SIZE, Bytes, Doubles, Floats

MIN_DEVIATION = 0.25  # of the landmarks in x and in y, pixels: smaller is no face
PATCH = 24  # side of the picture of the face that is compared from frame to frame, pixels
MIN_LIKENESS = 0.6  # correlation with the face when last detected; below it the detector looks
LOOK_AGAIN_EVERY = 50  # frames, from the first on: whether landmarks can be believed
MAX_GROWTH = 1.15  # of the box between two frames, either way
MIN_OVERLAP = 0.4  # of a detected box with the tracked one, for both to be the same face


class TrackingFinder(ABC):
    """A detector and a landmark model that share out a clip's frames between them.

    Attributes:
        detect_every: in `follow` the detector looks at every n-th frame at least; 1 is every frame.
    """

    def __init__(self, *, detect_every: int = 1) -> None:
        """Remember how often to look."""
        self.detect_every = detect_every

    @abstractmethod
    def boxes(self, frame_HWC: Bytes) -> Doubles:
        """Return left, top, right, bottom, score of every face in a uint8 RGB frame (N, 5)."""

    @abstractmethod
    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        """Return the 68 landmarks (68, 2), in frame pixels, of the face in this box."""

    def find(
        self,
        frames: Sequence[Bytes],
        *,
        clip: Path | None = None,
        indices: Sequence[int] | None = None,
    ) -> list[FaceLandmarks]:
        """Return the faces of frames that have nothing to do with one another."""
        del clip, indices
        return [self._detected(frame, None)[0] for frame in frames]

    def follow(
        self,
        frames: Iterable[Bytes],
        *,
        clip: Path | None = None,
        indices: Iterable[int] | None = None,
    ) -> Iterator[tuple[Bytes, FaceLandmarks]]:
        """Yield each frame of one clip with its face, in order, holding one frame at a time.

        Where the detector does not look, the frame is said to show one face, with the score of the
        detection it was tracked from. While the detector sees several faces or none, it looks at
        every frame. Every `LOOK_AGAIN_EVERY` frames the landmarks' drift is measured.
        """
        del clip, indices
        track: _Track | None = None
        age = 0
        for number, frame in enumerate(frames):
            age += 1
            face = self._tracked(frame, track) if track and age < self.detect_every else None
            if face is None:
                face, track = self._detected(frame, track)
                age = 0
            if number % LOOK_AGAIN_EVERY == 0:
                face = looked_at_again(self, frame, face)
            yield frame, face

    def _tracked(self, frame: Bytes, track: "_Track") -> FaceLandmarks | None:
        """Return the face followed into this frame, or None where the detector must look."""
        box = track.box
        landmarks_LP = self.landmarks(frame, box)
        place = _Place.of(landmarks_LP)
        if place is None or track.doubtful(frame, landmarks_LP, place):
            return None
        track.last = place
        return FaceLandmarks(1, box, track.score, landmarks_LP, (box,))

    def _detected(
        self, frame: Bytes, track: "_Track | None"
    ) -> tuple[FaceLandmarks, "_Track | None"]:
        """Return what the detector sees, and the track that begins here if it is one face alone.

        Of several faces the one followed so far counts, otherwise the largest.
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
        return face, _Track.start(frame, face) if len(found) == 1 else None


@dataclass(frozen=True)
class _Place:
    """Return the landmarks' centroid (2,) and the root of the summed squared distances to it."""

    middle: Doubles
    spread: float

    @classmethod
    def of(cls, landmarks_LP: Floats) -> "_Place | None":
        """Return the place of landmarks, or None where they are not finite or have no extent."""
        points_LP = landmarks_LP.astype(np.float64)
        middle = points_LP.sum(0) / len(points_LP)
        around = points_LP - middle
        squares = np.einsum("ld,ld->d", around, around)
        if not squares.min() > len(points_LP) * MIN_DEVIATION**2:  # so that NaN is refused too
            return None
        spread = math.sqrt(float(squares.sum()))
        return cls(middle, spread) if math.isfinite(spread) else None


@dataclass
class _Track:
    """A face from the frame on in which it was detected.

    Attributes:
        score: of the last detection.
        relation: centre and half size (2, 2) of the detected box in the landmarks' frame: from
            their middle, in units of their spread.
        patch_HW: the face's grey picture when last detected.
        last: where its landmarks were in the last frame.
    """

    score: float
    relation: Doubles
    patch_HW: Floats
    last: _Place

    @classmethod
    def start(cls, frame: Bytes, face: FaceLandmarks) -> "_Track | None":
        """Return a track from a detection, or None where its landmarks cannot carry one."""
        if face.box is None or face.landmarks_LP is None:
            return None
        place = _Place.of(face.landmarks_LP)
        if place is None:
            return None
        relation = _relation(face.box, place)
        return cls(face.score, relation, _patch(frame, face.landmarks_LP), place)

    @property
    def box(self) -> Doubles:
        """The box that the detector would give for the landmarks of the last frame."""
        centre, half = self.relation * self.last.spread
        middle = self.last.middle + centre
        return np.concatenate([middle - half, middle + half])

    def doubtful(self, frame: Bytes, landmarks_LP: Floats, place: _Place) -> bool:
        """Return whether these landmarks may lie on something other than the face followed.

        It grew or shrank at once, its middle is not in the frame, or what they lie on does not look
        like what was detected.
        """
        x, y = place.middle.tolist()
        height, width = frame.shape[:2]
        if not (0 <= x < width and 0 <= y < height):
            return True
        if not 1 / MAX_GROWTH < place.spread / self.last.spread < MAX_GROWTH:
            return True
        return _correlation(_patch(frame, landmarks_LP), self.patch_HW) < MIN_LIKENESS


def _relation(box: Doubles, place: _Place) -> Doubles:
    centre = (box[:2] + box[2:4]) / 2 - place.middle
    half = (box[2:4] - box[:2]) / 2
    relation: Doubles = np.stack([centre, half]) / place.spread
    return relation


def _same_face(found: Doubles, track: _Track | None) -> int:
    """Return which detected box is the face followed so far, or the largest where none is."""
    areas = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    if track is None:
        return int(areas.argmax())
    overlaps = np.array([_overlap(box[:4], track.box) for box in found])
    return int(overlaps.argmax() if overlaps.max() >= MIN_OVERLAP else areas.argmax())


def _overlap(box: Doubles, other: Doubles) -> float:
    """Return the intersection of two boxes over their union."""
    width, height = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    shared = max(0.0, float(width)) * max(0.0, float(height))
    areas = sum(float(np.prod(b[2:] - b[:2])) for b in (box, other))
    return shared / (areas - shared) if areas > shared else 0.0


def _patch(frame_HWC: Bytes, landmarks_LP: Floats) -> Floats:
    """Return the face's grey picture, upright, filling `PATCH` pixels, with mean 0 and norm 1.

    Landmarks fix its place, so neither the head's motion nor its size change it; speech changes a
    small part of it.
    """
    onto_face = (_onto_face() @ landmarks_LP.reshape(-1).astype(np.float64)).reshape(2, 3)
    crop_HWC = cv2.warpAffine(
        frame_HWC,
        onto_face,
        (PATCH, PATCH),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    grey_HW = crop_HWC.sum(2, dtype=np.float32)
    grey_HW -= grey_HW.mean()
    norm = math.sqrt(float(np.vdot(grey_HW, grey_HW)))
    patch_HW: Floats = grey_HW / np.float32(max(norm, 1e-6))
    return patch_HW


@lru_cache(maxsize=1)
def _onto_face() -> Doubles:
    """Return the matrix (6, 2L) from landmarks to the similarity that brings the patch onto them.

    The points of the least-squares similarity's goal enter it linearly (Umeyama's equations in the
    plane), so that its columns are what `similarity` makes of each landmark's unit in x and in y.
    """
    patch_LP = template_LP() * (PATCH / SIZE)
    units = np.eye(patch_LP.size).reshape(-1, *patch_LP.shape)
    return np.column_stack([similarity(patch_LP, unit_LP).reshape(-1) for unit_LP in units])


def _correlation(patch_HW: Floats, other_HW: Floats) -> float:
    """Return the correlation of two patches, in [-1, 1]."""
    return float(np.vdot(patch_HW, other_HW))
