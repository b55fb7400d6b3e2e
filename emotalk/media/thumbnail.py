"""Shrink pictures to thumbnails, and encode thumbnails as JPEG of few bytes."""

import struct

import cv2
import numpy as np

from emotalk.media.jpeg_segments import check_jpeg
from emotalk.schema import Bytes

SIDE = 160  # pixels, the longer side
MAX_BYTES = 4500
QUALITIES = (85, 70, 55, 40, 25)
START = b"\xff\xd8\xff"


def shrunk(image_HWC: Bytes, *, side: int = SIDE) -> Bytes:
    """Return an RGB image whose longer side has at most `side` pixels."""
    height, width = image_HWC.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image_HWC
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image_HWC, size, interpolation=cv2.INTER_AREA), np.uint8)


def thumbnail_jpeg(image_HWC: Bytes) -> bytes:
    """Return an RGB image as a JPEG of at most `MAX_BYTES`.

    Its quality is lowered until it fits, then its size is halved.
    """
    image = shrunk(image_HWC)
    while True:
        bgr = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
        for quality in QUALITIES:
            done, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if not done:
                raise ValueError(f"thumbnail: cannot encode uint8 RGB, got {image_HWC.shape}")
            if jpeg.size <= MAX_BYTES:
                return jpeg.tobytes()
        image = shrunk(image, side=max(image.shape[:2]) // 2)


def is_thumbnail(data: bytes) -> bool:
    """Return whether bytes can be one of `thumbnail_jpeg`: a JPEG, in bytes and pixels small."""
    if not data.startswith(START) or len(data) > MAX_BYTES:
        return False
    try:
        found = check_jpeg(data)
    except (ValueError, IndexError, struct.error):
        return False
    return min(found.width, found.height) > 0 and max(found.width, found.height) <= SIDE
