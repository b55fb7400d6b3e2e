"""From a decoded frame to the picture that a player shows: upright, square pixels, standard RGB."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace, VideoReformatter

from emotalk.media.orientation import UPRIGHT, upright
from emotalk.media.tone_map import needs_tone_map, to_standard
from emotalk.schema import Bytes

UNSPECIFIED = 2  # FFmpeg's number of a colour matrix that nobody named
HD_LINES = 720
MATRIX_BYTES = 36
OFFSET_IN_MATRIX = 3  # from a, b to c, d; the third of each row belongs to perspective
MOST_SQUEEZED = 4  # a pixel wider or higher than this is a fault of the file
MOST_PIXELS = 8192 * 4320
SAME_SHAPE = 0.02  # relative difference of two aspect ratios


@dataclass(frozen=True)
class Geometry:
    """The picture of a stream's first frame, before it is turned.

    Attributes:
        width: in square pixels.
        height: in square pixels.
        orientation: EXIF's number; see `emotalk.media.orientation`.
        rotation: FFmpeg's, in degrees.
    """

    width: int
    height: int
    orientation: int
    rotation: int


class RgbConverter:
    """Turns the frames of one stream into pictures of one size.

    The stream's first frame fixes the size. Pixels that are not square become so by enlarging their
    shorter side. Colours are converted by the matrix and range that the stream names; where it
    names no matrix, it is BT.709's from 720 lines on and BT.601's below.
    """

    def __init__(self, pixel_aspect: Fraction | None) -> None:
        """Set up the conversion, which is kept from frame to frame.

        Args:
            pixel_aspect: width of a pixel over its height, None or 0 where nobody says: 1.
        """
        self._reformatter = VideoReformatter()
        self._pixel_aspect = pixel_aspect or Fraction(1)
        self._geometry: Geometry | None = None

    def begin(self, frame: av.VideoFrame) -> None:
        """Take the geometry from the stream's first frame.

        Raises:
            ValueError: its pixels cannot be made square.
        """
        width, height = _in_square_pixels(frame, self._pixel_aspect)
        self._geometry = Geometry(width, height, display_orientation(frame), frame.rotation)

    def convert(self, frame: av.VideoFrame) -> Bytes:
        """Return a frame as a player shows it, uint8 RGB (H, W, 3).

        Raises:
            ValueError: its shape is another than the first frame's, or its colours are unknown.
        """
        if self._geometry is None:
            self.begin(frame)
        geometry = self._geometry
        assert geometry is not None, "taken from this frame if from no other"
        self._check_shape(frame, geometry)
        return upright(self._rgb(frame, geometry), geometry.orientation)

    def _check_shape(self, frame: av.VideoFrame, first: Geometry) -> None:
        width, height = _in_square_pixels(frame, self._pixel_aspect)
        stretched = (width * first.height) / (height * first.width)
        turned = frame.rotation != first.rotation  # side data of each would keep it in memory
        if turned or abs(stretched - 1) > SAME_SHAPE:
            raise ValueError(
                f"the picture changes from {first.width} x {first.height} to {width} x {height}"
                + (" and is turned" if turned else "")
            )

    def _rgb(self, frame: av.VideoFrame, geometry: Geometry) -> Bytes:
        """Return the frame in the first one's size, as stored.

        Without a number of threads, the conversion would start as many as there are cores for each
        frame.
        """
        wide = needs_tone_map(frame.color_trc, frame.color_primaries)
        rgb = self._reformatter.reformat(
            frame,
            width=geometry.width,
            height=geometry.height,
            format="rgb48le" if wide else "rgb24",
            src_colorspace=_matrix(frame),
            threads=1,
        )
        frame_HWC = rgb.to_ndarray()
        if wide:
            return to_standard(
                frame_HWC.astype(np.uint16, copy=False), frame.color_trc, frame.color_primaries
            )
        return np.asarray(frame_HWC, np.uint8)


def display_orientation(frame: av.VideoFrame) -> int:
    """Return how a frame's display matrix turns and mirrors it, as EXIF's number.

    x' = a x + c y and y' = b x + d y with y downwards; turns between the quarters are taken as the
    nearest one. A matrix that is missing, too short or zero leaves the picture as it is.
    """
    for data in frame.side_data:
        if data.type == Type.DISPLAYMATRIX and len(bytes(data)) >= MATRIX_BYTES:
            rows = np.frombuffer(bytes(data)[:MATRIX_BYTES], np.int32).astype(np.int64)
            a, b = rows[0], rows[1]
            c, d = rows[OFFSET_IN_MATRIX], rows[OFFSET_IN_MATRIX + 1]
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}[
                    (bool(a < 0), bool(d < 0))
                ]
            return {(False, False): 5, (True, False): 6, (True, True): 7, (False, True): 8}[
                (bool(c < 0), bool(b < 0))
            ]
    return UPRIGHT


def _in_square_pixels(frame: av.VideoFrame, pixel_aspect: Fraction) -> tuple[int, int]:
    """Return width and height of a frame when its pixels are made square."""
    return _squared(frame.width, frame.height, pixel_aspect)


@lru_cache(maxsize=16)  # fractions take as long as a small frame's colours
def _squared(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    if not Fraction(1, MOST_SQUEEZED) <= pixel_aspect <= MOST_SQUEEZED:
        raise ValueError(
            f"its pixels are {pixel_aspect.numerator}:{pixel_aspect.denominator}, at most "
            f"{MOST_SQUEEZED}:1"
        )
    if pixel_aspect >= 1:
        width = round(width * pixel_aspect)
    else:
        height = round(height / pixel_aspect)
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} x {height} square pixels, at most {MOST_PIXELS} in all")
    return width, height


def _matrix(frame: av.VideoFrame) -> int | None:
    """Return the colour matrix where the frame's own is not to be taken.

    Raises:
        ValueError: it is one that is not converted here.
    """
    if frame.format.is_rgb:
        return None
    if frame.colorspace == UNSPECIFIED:
        return Colorspace.ITU709 if frame.height >= HD_LINES else None
    if frame.colorspace not in KNOWN_MATRICES:
        raise ValueError(f"its colour matrix is number {frame.colorspace} of FFmpeg's, not known")
    return None


# FFmpeg's numbers: 709, FCC, 601 for 625 and 525 lines, 240M, 2020; 0 and 3 are misuses of none.
KNOWN_MATRICES = {0, 1, 3, 4, 5, 6, 7, 9, 10}
