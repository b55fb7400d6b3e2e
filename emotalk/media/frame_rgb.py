"""Convert decoded frames to the images that a player shows: upright, square pixels, sRGB."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from emotalk.media.orientation import UPRIGHT, upright
from emotalk.media.tone_map import needs_tone_map, to_standard
from emotalk.schema import Bytes

UNSPECIFIED = 2  # FFmpeg's number of an unspecified colour matrix
# FFmpeg's numbers: 709, FCC, 601 for 625 and 525 lines, 240M, 2020; 0 and 3 are written for "none".
KNOWN_MATRICES = {0, 1, 3, 4, 5, 6, 7, 9, 10}
HD_LINES = 720
MATRIX_BYTES = 36
OFFSET_IN_MATRIX = 3  # from a, b to c, d; the third value of a row is for perspective
MAX_PIXEL_ASPECT = 4  # of width to height or height to width
MAX_PIXELS = 8192 * 4320
SAME_SHAPE = 0.02  # relative difference of two aspect ratios


@dataclass(frozen=True)
class Geometry:
    """Size and orientation of a stream's first frame, before it is rotated."""

    width: int  # in square pixels
    height: int  # in square pixels
    orientation: int  # EXIF's number; see `emotalk.media.orientation`
    rotation: int  # FFmpeg's, in degrees


class RgbConverter:
    """Convert the frames of one stream to RGB images of one size.

    The stream's first frame sets the size. Pixels are made square by enlarging their shorter side.
    Colours are converted by the stream's matrix and range. An unspecified matrix is BT.709's from
    720 lines on and BT.601's below.
    """

    def __init__(self, pixel_aspect: Fraction | None) -> None:
        """Set width over height of a pixel; None or 0 (unknown) count as 1."""
        self._reformatter, self._thumbnails = VideoReformatter(), VideoReformatter()
        self._pixel_aspect = pixel_aspect or Fraction(1)
        self._geometry: Geometry | None = None

    def begin(self, frame: av.VideoFrame) -> None:
        """Set the geometry from the stream's first frame.

        Raises:
            ValueError: its pixels cannot be made square.
        """
        width, height = _squared(frame.width, frame.height, self._pixel_aspect)
        self._geometry = Geometry(width, height, display_orientation(frame), frame.rotation)

    def convert(self, frame: av.VideoFrame) -> Bytes:
        """Return a frame as a player shows it, uint8 RGB (H, W, 3).

        Raises:
            ValueError: its shape differs from the first frame's, or its colours are unknown.
        """
        if self._geometry is None:
            self.begin(frame)
        geometry = self._geometry
        assert geometry is not None, "set by `begin`"
        self._check_shape(frame, geometry)
        return upright(self._rgb(frame, geometry), geometry.orientation)

    def thumbnail(self, frame: av.VideoFrame, side: int) -> Bytes:
        """Return a small picture of a frame as it is stored, uint8 RGB.

        Its longer side has at most `side` pixels. It is neither turned nor mapped to sRGB.
        """
        scale = min(1.0, side / max(frame.width, frame.height))
        small = self._thumbnails.reformat(
            frame,
            width=max(1, round(frame.width * scale)),
            height=max(1, round(frame.height * scale)),
            format="rgb24",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        return np.asarray(small.to_ndarray(), np.uint8)

    def _check_shape(self, frame: av.VideoFrame, first: Geometry) -> None:
        width, height = _squared(frame.width, frame.height, self._pixel_aspect)
        stretched = (width * first.height) / (height * first.width)
        # `rotation` is compared, since reading side data would keep each frame in memory.
        turned = frame.rotation != first.rotation
        if turned or abs(stretched - 1) > SAME_SHAPE:
            raise ValueError(
                f"the picture changes from {first.width} x {first.height} to {width} x {height}"
                + (" and is turned" if turned else "")
            )

    def _rgb(self, frame: av.VideoFrame, geometry: Geometry) -> Bytes:
        """Return the frame as stored, in the first frame's size."""
        wide = needs_tone_map(frame.color_trc, frame.color_primaries)
        rgb = self._reformatter.reformat(
            frame,
            width=geometry.width,
            height=geometry.height,
            format="rgb48le" if wide else "rgb24",
            src_colorspace=_matrix(frame),
            threads=1,  # otherwise as many as there are cores are started for each frame
        )
        frame_HWC = rgb.to_ndarray()
        if wide:
            return to_standard(
                frame_HWC.astype(np.uint16, copy=False), frame.color_trc, frame.color_primaries
            )
        return np.asarray(frame_HWC, np.uint8)


def display_orientation(frame: av.VideoFrame) -> int:
    """Return how a frame's display matrix turns and mirrors it, as EXIF's number.

    x' = a x + c y and y' = b x + d y with y downwards. Rotations are rounded to quarter turns. A
    matrix that is missing, too short or zero leaves the image as it is.
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


@lru_cache(maxsize=16)  # computing fractions takes as long as converting a small frame
def _squared(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Return width and height of a frame when its pixels are made square."""
    if not Fraction(1, MAX_PIXEL_ASPECT) <= pixel_aspect <= MAX_PIXEL_ASPECT:
        raise ValueError(
            f"its pixels are {pixel_aspect.numerator}:{pixel_aspect.denominator}, at most "
            f"{MAX_PIXEL_ASPECT}:1"
        )
    if pixel_aspect >= 1:
        width = round(width * pixel_aspect)
    else:
        height = round(height / pixel_aspect)
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} square pixels, at most {MAX_PIXELS} in all")
    return width, height


def _matrix(frame: av.VideoFrame) -> int | None:
    """Return the colour matrix to use in place of the frame's own, or None.

    Raises:
        ValueError: the frame's matrix is not supported.
    """
    if frame.format.is_rgb:
        return None
    if frame.colorspace == UNSPECIFIED:
        return Colorspace.ITU709 if frame.height >= HD_LINES else None
    if frame.colorspace not in KNOWN_MATRICES:
        raise ValueError(f"its colour matrix is number {frame.colorspace} of FFmpeg's, not known")
    return None
