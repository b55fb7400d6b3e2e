"""Measure the drift of landmarks: how far they move when they are detected again.

A landmark model was trained on upright faces. For an upright face it returns nearly the same points
from a shifted box or a mirrored picture. For a face that is upside down or covered, or for no face
at all, it returns other points each time.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.template import MIRRORED
from emotalk.schema import Bytes, Doubles, Floats

# Size and shift of the boxes of further detections, in units of the first box.
BOXES = ((1.15, 0.0, 0.0), (1.0, 0.1, 0.05), (1.0, -0.05, -0.1), (0.9, -0.05, 0.05))
DOUBTFUL = 0.03  # of the face's size; speakers up to 0.027, wrong orientations from 0.04
CLEARLY_STEADIER = 0.6  # of the drift of the picture that was not turned
SURROUNDINGS = 0.6  # of a face's box, kept on each side when it is turned


@runtime_checkable
class FaceModel(Protocol):
    """Detect faces, and the landmarks of the face in a box."""

    @abstractmethod
    def boxes(self, frame_HWC: Bytes) -> Doubles:
        """Return left, top, right, bottom, score of every face in a uint8 RGB frame (N, 5)."""

    @abstractmethod
    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        """Return the 68 landmarks (68, 2), in frame pixels, of the face in this box."""


def measure_drift(model: FaceModel, frame_HWC: Bytes, face: FaceLandmarks) -> FaceLandmarks:
    """Return the face with its drift and, if that is large, the turn that makes it upright."""
    if face.landmarks_LP is None or face.box is None:
        return face
    drift = _drift(model, frame_HWC, face.box, face.landmarks_LP)
    if drift <= DOUBTFUL:
        return replace(face, drift=drift)
    turns = _quarter_turns(model, frame_HWC, face, drift)
    return replace(face, drift=drift, quarter_turns=turns)


def _drift(model: FaceModel, frame_HWC: Bytes, box: Doubles, landmarks_LP: Floats) -> float:
    """Return the mean distance from these landmarks to those of further detections.

    The unit is the face's size, the root of its box's area.
    """
    size = _size(box)
    if not size > 0 or not np.isfinite(landmarks_LP).all():
        return float("inf")
    others = [mirrored_landmarks(model, frame_HWC, box)]
    others += [model.landmarks(frame_HWC, moved_box(box, *change)) for change in BOXES]
    moved = np.linalg.norm(np.stack(others) - landmarks_LP, axis=-1)
    return float(moved.mean() / size)


def moved_box(box: Doubles, scale: float, right: float, down: float) -> Doubles:
    """Return a box (4,) of `scale` times the size, shifted by shares of the root of its area."""
    middle, half = (box[:2] + box[2:4]) / 2, (box[2:4] - box[:2]) / 2
    centre = middle + _size(box) * np.array([right, down])
    reach = scale * half
    return np.concatenate([centre - reach, centre + reach])


def mirrored_landmarks(model: FaceModel, frame_HWC: Bytes, box: Doubles) -> Floats:
    """Return the landmarks (68, 2) that the model finds in the mirrored frame, mirrored back."""
    last = frame_HWC.shape[1] - 1
    mirrored = np.ascontiguousarray(frame_HWC[:, ::-1])
    seen = model.landmarks(mirrored, np.array([last - box[2], box[1], last - box[0], box[3]]))
    points: Floats = seen[list(MIRRORED)]
    points[:, 0] = last - points[:, 0]
    return points


def _quarter_turns(model: FaceModel, frame_HWC: Bytes, face: FaceLandmarks, drift: float) -> int:
    """Return the number of 90 degree turns to the left that are best for the face, mostly 0.

    A turn is better if the face's score is higher and the drift of its landmarks much smaller.
    """
    assert face.box is not None, "measure_drift passes faces with a box only"
    cut_HWC, _ = crop_around(frame_HWC, face.box, SURROUNDINGS)
    best, turns = CLEARLY_STEADIER * drift, 0
    for quarters in (1, 2, 3):
        turned_HWC = np.ascontiguousarray(np.rot90(cut_HWC, quarters))
        found = model.boxes(turned_HWC)
        if not len(found):
            continue
        box = found[np.argmax([_size(box) for box in found])]
        if box[4] <= face.score:
            continue
        again = _drift(model, turned_HWC, box[:4], model.landmarks(turned_HWC, box[:4]))
        if again < best:
            best, turns = again, quarters
    return turns


def crop_around(image_HWC: Bytes, box: Doubles, share: float) -> tuple[Bytes, Doubles]:
    """Return a picture's part around a box (`share` of its sides on each side), and its corner."""
    height, width = image_HWC.shape[:2]
    reach = share * np.tile(box[2:4] - box[:2], 2) * (-1, -1, 1, 1)
    limits = (width, height, width, height)
    left, top, right, bottom = np.clip(np.rint(box[:4] + reach), 0, limits).astype(int)
    crop_HWC = image_HWC[top : max(bottom, top + 1), left : max(right, left + 1)]
    return crop_HWC, np.array([left, top], np.float64)


def _size(box: Doubles) -> float:
    sides = np.maximum(box[2:4] - box[:2], 0.0)
    return float(np.sqrt(sides[0] * sides[1]))
