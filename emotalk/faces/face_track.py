"""Track one detected face from frame to frame by its landmarks."""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.shape import similarity
from emotalk.faces.template import template_LP
from emotalk.schema import SIZE, Bytes, Doubles, Floats

MIN_DEVIATION = 0.25  # of the landmarks in x and in y, pixels: smaller is no face
PATCH = 24  # side of the grey picture of the face that is compared between frames, pixels
MIN_LIKENESS = 0.6  # correlation with the face when last detected; below it, detect again
MAX_GROWTH = 1.15  # of the face between two frames, either way


@dataclass(frozen=True)
class Placement:
    """Hold the centroid (2,) of a face's landmarks and their size.

    The size is the root of the summed squared distances to the centroid, in pixels.
    """

    middle: Doubles
    spread: float

    @classmethod
    def of(cls, landmarks_LP: Floats) -> "Placement | None":
        """Return the placement, or None if the landmarks are not finite or have no extent."""
        points_LP = landmarks_LP.astype(np.float64)
        middle = points_LP.sum(0) / len(points_LP)
        around = points_LP - middle
        squares = np.einsum("ld,ld->d", around, around)
        if not squares.min() > len(points_LP) * MIN_DEVIATION**2:  # so that NaN is refused too
            return None
        spread = math.sqrt(float(squares.sum()))
        return cls(middle, spread) if math.isfinite(spread) else None


@dataclass
class FaceTrack:
    """Hold a face, from the frame in which it was detected.

    Attributes:
        score: score of the last detection.
        relation: centre and half size (2, 2) of the detected box, relative to the landmarks'
            centroid and in units of their spread.
        patch_HW: grey picture of the face when it was last detected.
        last: placement of its landmarks in the last frame.
    """

    score: float
    relation: Doubles
    patch_HW: Floats
    last: Placement

    @classmethod
    def start(cls, frame: Bytes, face: FaceLandmarks) -> "FaceTrack | None":
        """Return the track that begins with a detection, or None if its landmarks are no face."""
        if face.box is None or face.landmarks_LP is None:
            return None
        place = Placement.of(face.landmarks_LP)
        if place is None:
            return None
        centre = (face.box[:2] + face.box[2:4]) / 2 - place.middle
        half = (face.box[2:4] - face.box[:2]) / 2
        relation: Doubles = np.stack([centre, half]) / place.spread
        return cls(face.score, relation, face_patch(frame, face.landmarks_LP), place)

    @property
    def box(self) -> Doubles:
        """Return the box that belongs to the landmarks of the last frame."""
        centre, half = self.relation * self.last.spread
        middle = self.last.middle + centre
        return np.concatenate([middle - half, middle + half])

    def advance(self, frame: Bytes, landmarks_LP: Floats) -> bool:
        """Move the track to a frame's landmarks; return False if they may lie on something else.

        They are doubtful if they form no face, if the face grew or shrank at once, if its centroid
        is outside the frame, or if the picture under them does not resemble the detected face.
        """
        place = Placement.of(landmarks_LP)
        if place is None or self._is_doubtful(frame, landmarks_LP, place):
            return False
        self.last = place
        return True

    def _is_doubtful(self, frame: Bytes, landmarks_LP: Floats, place: Placement) -> bool:
        x, y = place.middle.tolist()
        height, width = frame.shape[:2]
        if not (0 <= x < width and 0 <= y < height):
            return True
        if not 1 / MAX_GROWTH < place.spread / self.last.spread < MAX_GROWTH:
            return True
        likeness = float(np.vdot(face_patch(frame, landmarks_LP), self.patch_HW))
        return likeness < MIN_LIKENESS


def face_patch(frame_HWC: Bytes, landmarks_LP: Floats) -> Floats:
    """Return the face's upright grey picture of `PATCH` pixels, with mean 0 and norm 1.

    The landmarks place it, so that the head's motion and size do not change it. The product of two
    patches is their correlation.
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
    """Return the matrix (6, 2L) from landmarks to the similarity that maps the patch onto them.

    The least-squares similarity is linear in its target points (Umeyama's equations in the plane).
    So each column is the similarity for one landmark's unit vector in x or in y.
    """
    patch_LP = template_LP() * (PATCH / SIZE)
    units = np.eye(patch_LP.size).reshape(-1, *patch_LP.shape)
    return np.column_stack([similarity(patch_LP, unit_LP).reshape(-1) for unit_LP in units])
