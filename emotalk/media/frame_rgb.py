"""From a decoded frame to the picture that a player shows: upright, RGB."""

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from emotalk.schema import Bytes


class RgbConverter:
    """Turns the frames of one stream upright and into RGB."""

    def __init__(self) -> None:
        """Set up the conversion, which is kept from frame to frame."""
        self._reformatter = VideoReformatter()

    def convert(self, frame: av.VideoFrame) -> Bytes:
        """Return a frame upright, uint8 RGB (H, W, 3).

        Without a number, the conversion would start as many threads as there are cores for each
        frame.
        """
        rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        frame_HWC = np.asarray(rgb.to_ndarray(), np.uint8)
        quarters = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(frame_HWC, quarters)) if quarters else frame_HWC
