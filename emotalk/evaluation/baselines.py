"""Make the baselines that need no generator: the repeated frame and the re-encoded true video."""

import io
from fractions import Fraction

import numpy as np

from emotalk.media.decode import decode_video_window
from emotalk.media.encode import encode_video
from emotalk.schema import FPS, Bytes

REENCODED = {"crf": "23", "preset": "medium"}


def repeat(image_HWC: Bytes, frames: int) -> Bytes:
    """Return a video (T, H, W, 3) of the same image in each frame."""
    return np.broadcast_to(image_HWC, (frames, *image_HWC.shape))


def reencode(frames_THWC: Bytes) -> Bytes:
    """Return the frames after H.264 encoding at the usual quality for viewers: crf 23, 4:2:0."""
    stream = io.BytesIO()
    encode_video(stream, frames_THWC, fps=Fraction(FPS), options=REENCODED)
    return decode_video_window(stream.getvalue(), 0, len(frames_THWC))
