"""Detect landmarks in aligned crops several times over, and average them.

A landmark model's error depends on the box it is given, by chance: it changes when the box is moved
a little or the picture is mirrored. The mean over such copies has less of it. It measures true and
generated frames alike, and it is no smoothing in time: each frame's points come from that frame.
"""

from dataclasses import dataclass

import numpy as np

from emotalk.faces.crop_landmarks import landmarks_in_crop, pad_crop
from emotalk.faces.landmarks import box_areas
from emotalk.faces.steadiness import FaceModel, mirrored_landmarks, moved_box
from emotalk.schema import LANDMARKS, Bytes, Doubles, Floats

COPIES = (  # size of the box, its shift right and down in units of its size; mirrored or not
    (1.0, 0.0, 0.0, False),
    (1.1, 0.05, 0.03, True),
    (0.95, -0.05, 0.04, False),
    (1.06, 0.03, -0.06, True),
    (0.92, 0.0, -0.03, True),
    (1.14, -0.04, -0.05, False),
    (1.0, 0.07, 0.0, False),
    (1.05, -0.06, 0.05, True),
)
"""In the order in which they are used, so that a few are balanced too."""


@dataclass(frozen=True)
class AveragedCropLandmarks:
    """Average the landmarks of crops over the first `copies` of `COPIES`. Reports show `name`."""

    model: FaceModel
    name: str
    copies: int

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the largest face's landmarks of every frame in crop pixels; NaN without a face.

        The face detector runs on every frame and alone decides whether there is a face. Mean
        landmarks that do not have the shape of an upright face count as missing.
        """
        return np.stack([landmarks_in_crop(self._detect(pad_crop(f))) for f in frames_THWC])

    def _detect(self, padded_HWC: Bytes) -> Floats | None:
        found = self.model.boxes(padded_HWC)
        if not len(found):
            return None
        largest = np.asarray(found[box_areas(found).argmax(), :4], np.float64)
        return self._mean_landmarks(padded_HWC, largest)

    def _mean_landmarks(self, padded_HWC: Bytes, box: Doubles) -> Floats:
        total = np.zeros((LANDMARKS, 2))
        for *change, mirrored in COPIES[: self.copies]:
            moved = moved_box(box, *change)
            detect = mirrored_landmarks if mirrored else _plain_landmarks
            total += detect(self.model, padded_HWC, moved)
        return np.asarray(total / self.copies, np.float32)


def _plain_landmarks(model: FaceModel, frame_HWC: Bytes, box: Doubles) -> Floats:
    return model.landmarks(frame_HWC, box)
