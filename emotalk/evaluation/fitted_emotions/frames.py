"""Take the frames of a clip that the fitted classifier looks at."""

import cv2
import numpy as np

from emotalk.evaluation.fitted_emotions.network import SIDE
from emotalk.schema import FPS, Bytes

FRAMES = 12  # of a clip
ONSET_FRAMES = round(0.4 * FPS)  # an emotion grows from neutral during these


def look(frames_THWC: Bytes) -> Bytes:
    """Return twelve grey frames of 64 x 64 pixels, uint8, evenly spaced after the first 0.4 s.

    A clip that is shorter shows its last frame alone. The crops (T, 128, 128, 3) are uint8 RGB.
    """
    first = min(ONSET_FRAMES, len(frames_THWC) - 1)
    count = min(FRAMES, len(frames_THWC) - first)
    places = np.linspace(first, len(frames_THWC) - 1, count).round().astype(int)
    small = [
        cv2.resize(
            cv2.cvtColor(np.ascontiguousarray(frames_THWC[place]), cv2.COLOR_RGB2GRAY),
            (SIDE, SIDE),
            interpolation=cv2.INTER_AREA,
        )
        for place in places
    ]
    return np.stack(small).astype(np.uint8)
