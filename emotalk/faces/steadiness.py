"""Measure how far landmarks move when a model looks at the face again.

A landmark model was trained on upright faces. Of those it gives nearly the same points through a
box that is moved or in a mirror; of a face that lies upside down, is covered or is none it gives
others each time.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from emotalk.faces.landmarks import FaceLandmarks
from emotalk.faces.template import MIRRORED
from emotalk.schema import Bytes, Doubles, Floats

# Boxes looked through: size and shift of the detector's, in units of it.
BOXES = ((1.15, 0.0, 0.0), (1.0, 0.1, 0.05), (1.0, -0.05, -0.1), (0.9, -0.05, 0.05))
DOUBTFUL = 0.03  # of the face's size; speakers up to 0.027, wrong orientations from 0.04
CLEARLY_STEADIER = 0.6  # of the drift as it stands
SURROUNDINGS = 0.6  # of a face's box, kept on each side when it is turned


class FaceModel(Protocol):
    """A face detector with a landmark model."""

    def boxes(self, frame_HWC: Bytes) -> Doubles:
        """Return left, top, right, bottom, score of every face (N, 5)."""
        ...

    def landmarks(self, frame_HWC: Bytes, box: Doubles) -> Floats:
        """Return the 68 landmarks of the face in this box."""
        ...


def looked_at_again(model: FaceModel, frame_HWC: Bytes, face: FaceLandmarks) -> FaceLandmarks:
    """Return the face with its drift and, where that is doubtful, the turn that makes it upright.

    Args:
        model: that found the face.
        frame_HWC: the picture, uint8 RGB.
        face: what was found in it.
    """
    if face.landmarks_LP is None or face.box is None:
        return face
    drift = _drift(model, frame_HWC, face.box, face.landmarks_LP)
    if drift <= DOUBTFUL:
        return replace(face, drift=drift)
    turns = _quarter_turns(model, frame_HWC, face, drift)
    return replace(face, drift=drift, quarter_turns=turns)


def _drift(model: FaceModel, frame_HWC: Bytes, box: Doubles, landmarks_LP: Floats) -> float:
    """Return the mean distance between these landmarks and those of other looks.

    In units of the face's size, the root of its box's area.
    """
    size = _size(box)
    if not size > 0 or not np.isfinite(landmarks_LP).all():
        return float("inf")
    others = [_in_mirror(model, frame_HWC, box)]
    middle, half = (box[:2] + box[2:4]) / 2, (box[2:4] - box[:2]) / 2
    for scale, right, down in BOXES:
        centre = middle + size * np.array([right, down])
        reach = scale * half
        others.append(model.landmarks(frame_HWC, np.concatenate([centre - reach, centre + reach])))
    moved = np.linalg.norm(np.stack(others) - landmarks_LP, axis=-1)
    return float(moved.mean() / size)


def _in_mirror(model: FaceModel, frame_HWC: Bytes, box: Doubles) -> Floats:
    last = frame_HWC.shape[1] - 1
    mirrored = np.ascontiguousarray(frame_HWC[:, ::-1])
    seen = model.landmarks(mirrored, np.array([last - box[2], box[1], last - box[0], box[3]]))
    points: Floats = seen[list(MIRRORED)]
    points[:, 0] = last - points[:, 0]
    return points


def _quarter_turns(model: FaceModel, frame_HWC: Bytes, face: FaceLandmarks, drift: float) -> int:
    """Return how often to turn the picture by 90 degrees to the left, 0 where nothing is better.

    A turn is better where the detector is surer of the face and its landmarks are much steadier.
    """
    assert face.box is not None, "the caller looks at faces with a box"
    cut_HWC = _around(frame_HWC, face.box)
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


def _around(frame_HWC: Bytes, box: Doubles) -> Bytes:
    """Return the face with its surroundings."""
    height, width = frame_HWC.shape[:2]
    reach = SURROUNDINGS * np.tile(box[2:4] - box[:2], 2) * (-1, -1, 1, 1)
    limits = (width, height, width, height)
    left, top, right, bottom = np.clip(np.rint(box[:4] + reach), 0, limits).astype(int)
    return frame_HWC[top : max(bottom, top + 1), left : max(right, left + 1)]


def _size(box: Doubles) -> float:
    sides = np.maximum(box[2:4] - box[:2], 0.0)
    return float(np.sqrt(sides[0] * sides[1]))
