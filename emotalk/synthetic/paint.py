"""Draw anti-aliased polygons and lines."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats

SUBPIXEL_BITS = 4


def fixed_point(points: Doubles | Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return points (U, 2) as OpenCV's fixed-point coordinates."""
    fixed = np.rint(np.asarray(points) * (1 << SUBPIXEL_BITS))
    return np.asarray(fixed, np.int32)


def polygon_mask(shape: tuple[int, int], points: Doubles | Floats) -> Bytes:
    """Return the coverage (H, W), 0 to 255, of a closed polygon (U, 2) in pixels."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [fixed_point(points)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask


def line_mask(shape: tuple[int, int], points: Doubles | Floats, *, width: int) -> Bytes:
    """Return the coverage (H, W), 0 to 255, of an open line (U, 2) in pixels."""
    mask = np.zeros(shape, np.uint8)
    cv2.polylines(mask, [fixed_point(points)], False, 255, width, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask


def soft_line(shape: tuple[int, int], points: Doubles, blur: float) -> Floats:
    """Return a blurred line (H, W), two pixels wide, through `points` (U, 2), its maximum 1."""
    mask = line_mask(shape, points, width=2)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), blur)
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def blended(canvas: Floats, mask: Floats, colour: Doubles | Floats) -> Floats:
    """Return `canvas` (H, W, 3) blended with an RGB colour or an image by `mask` (0 to 1)."""
    over = np.asarray(colour, np.float32)
    return np.asarray(canvas + (over - canvas) * mask[..., None], np.float32)


def offset(x: float, y: float) -> Floats:
    """Return a point or shift (2,)."""
    return np.array([x, y], np.float32)


class Painter:
    """Painter of polygons and lines on a frame."""

    def __init__(self, canvas: Bytes) -> None:
        """Set the frame (H, W, 3), uint8, which is painted in place."""
        self.canvas = canvas

    def polygon(
        self,
        points: Floats,
        colour: tuple[float, float, float],
        *,
        alpha: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Fill a closed polygon (U, 2) with an RGB colour, its edge blurred by `blur` pixels."""
        self._draw(polygon_mask, points, colour, margin=2, alpha=alpha, blur=blur)

    def line(
        self,
        points: Floats,
        colour: tuple[float, float, float],
        *,
        width: int = 1,
        alpha: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Draw an open line (U, 2)."""
        mask = partial(line_mask, width=width)
        self._draw(mask, points, colour, margin=2 + width, alpha=alpha, blur=blur)

    def clipped(self, points: Floats, fill: Callable[["Painter", Floats], None]) -> None:
        """Paint with `fill` inside a closed polygon (U, 2).

        `fill` gets a painter on a copy of the area, and the area's corner in the frame.
        """
        area = self._area(points, 2)
        if area is None:
            return
        left, top, right, bottom = area
        region = self.canvas[top:bottom, left:right]
        inside = region.copy()
        fill(Painter(inside), offset(left, top))
        mask = polygon_mask(inside.shape[:2], points - offset(left, top))
        _mix(region, inside, mask, 1.0)

    def _draw(
        self,
        draw_mask: Callable[[tuple[int, int], Floats], Bytes],
        points: Floats,
        colour: tuple[float, float, float],
        *,
        margin: int,
        alpha: float,
        blur: float,
    ) -> None:
        area = self._area(points, margin + int(np.ceil(3 * blur)))
        if area is None:
            return
        left, top, right, bottom = area
        mask = draw_mask((bottom - top, right - left), points - offset(left, top))
        if blur:
            mask = cv2.GaussianBlur(mask, (0, 0), blur)
        region = self.canvas[top:bottom, left:right]
        _mix(region, np.asarray(colour, np.float32), mask, alpha)

    def _area(self, points: Floats, margin: int) -> tuple[int, int, int, int] | None:
        height, width = self.canvas.shape[:2]
        low = np.floor(points.min(axis=0)).astype(int) - margin
        high = np.ceil(points.max(axis=0)).astype(int) + margin + 1
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        right, bottom = min(int(high[0]), width), min(int(high[1]), height)
        return (left, top, right, bottom) if right > left and bottom > top else None


def _mix(region: Bytes, over: Bytes | Floats, mask: Bytes, alpha: float) -> None:
    share = (mask.astype(np.float32) * np.float32(alpha / 255.0))[..., None]
    below = region.astype(np.float32)
    np.copyto(region, below + (over - below) * share + np.float32(0.5), casting="unsafe")
