"""Convert decoded frames of shards' videos to RGB, by one matrix product for their usual format."""

import cv2
import numpy as np
from av.video.frame import VideoFrame

from emotalk.schema import Bytes, Doubles


def _limited_601_to_rgb() -> Doubles:
    """Return the 3 x 4 matrix from (Y, Cb, Cr, 1), BT.601 limited range, to RGB, 0 to 255."""
    red, blue = 0.299, 0.114
    green = 1 - red - blue
    luma, chroma = 255 / 219, 255 / 224
    from_cb, from_cr = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    linear = np.array(
        [
            [luma, 0, from_cr],
            [luma, -from_cb * blue / green, -from_cr * red / green],
            [luma, from_cb, 0],
        ]
    )
    return np.column_stack([linear, linear @ [-16, -128, -128]])


_MATRIX = _limited_601_to_rgb().astype(np.float32)
_MATRIX_UNSET, _MATRIX_601_PAL, _MATRIX_601_NTSC = 2, 5, 6  # ITU-T H.273, one matrix
_RANGE_UNSET, _RANGE_LIMITED = 0, 1


def frame_to_rgb(frame: VideoFrame) -> Bytes:
    """Return a decoded frame as uint8 RGB (H, W, 3)."""
    limited_601 = frame.color_range in (_RANGE_UNSET, _RANGE_LIMITED) and frame.colorspace in (
        _MATRIX_UNSET,
        _MATRIX_601_PAL,
        _MATRIX_601_NTSC,
    )
    if frame.format.name == "yuv444p" and limited_601:
        planes = [
            np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, -1)[:, : frame.width]
            for plane in frame.planes
        ]
        return np.asarray(cv2.transform(cv2.merge(planes), _MATRIX), np.uint8)
    return np.asarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8)
