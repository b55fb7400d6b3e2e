"""Encode images as PNG; the same pixels always give the same bytes."""

import cv2
import numpy as np

from emotalk.schema import Bytes


def png_bytes(image_HWC: Bytes) -> bytes:
    """Return an RGB image as PNG."""
    bgr = cv2.cvtColor(np.ascontiguousarray(image_HWC), cv2.COLOR_RGB2BGR)
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"png_bytes: cannot encode uint8 RGB, got {image_HWC.shape}")
    return png.tobytes()
