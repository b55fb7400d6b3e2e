"""Detect landmarks in aligned crops with the ETL's landmark detectors."""

from dataclasses import dataclass

import cv2
import numpy as np

from emotalk.faces.landmarks import LandmarkDetector
from emotalk.faces.plausible import shape_fault
from emotalk.schema import LANDMARKS, Bytes, Floats

BORDER = 48
ENLARGED = 2


@dataclass(frozen=True)
class CropLandmarks:
    """Detect landmarks in crops.

    A face detector expects surroundings, which an aligned crop lacks. So the crop is padded with
    its border pixels and enlarged to twice the size. Reports show `name`.
    """

    detector: LandmarkDetector
    name: str

    def landmarks(self, frames_THWC: Bytes) -> Floats:
        """Return the largest face's landmarks of every frame in crop pixels; NaN without a face.

        Landmarks that do not have the shape of an upright face count as missing.
        """
        faces = [self.detector.detect([pad_crop(frame)])[0] for frame in frames_THWC]
        return np.stack([landmarks_in_crop(face.landmarks_LP) for face in faces])


def pad_crop(frame_HWC: Bytes) -> Bytes:
    """Return a crop (H, W, 3) with `BORDER` more pixels on each side, `ENLARGED` times as large."""
    wide = cv2.copyMakeBorder(frame_HWC, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REPLICATE)
    size = (wide.shape[1] * ENLARGED, wide.shape[0] * ENLARGED)
    return np.asarray(cv2.resize(wide, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def landmarks_in_crop(landmarks_LP: Floats | None) -> Floats:
    """Return landmarks of a padded crop in the crop's own pixels; NaN if they are no face's."""
    if landmarks_LP is None or shape_fault(landmarks_LP) is not None:
        return np.full((LANDMARKS, 2), np.nan, np.float32)
    # Pixel centres are whole numbers, so pixel x of the crop is centred on 2 x + 0.5 when enlarged.
    return np.asarray((landmarks_LP - 0.5) / ENLARGED - BORDER, np.float32)
