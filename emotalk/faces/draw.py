"""Draw landmarks on crops, and contact sheets of pictures."""

from collections.abc import Sequence

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats

DOT = (0, 255, 0)
CAPTION_HEIGHT = 14


def draw_landmarks(image_HWC: Bytes, landmarks_LP: Doubles | Floats, *, enlarge: int = 1) -> Bytes:
    """Return the RGB image, enlarged by a whole number, with a dot at each landmark."""
    drawn = cv2.resize(image_HWC, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_LINEAR)
    for x, y in np.asarray(landmarks_LP, np.float64):
        middle = (round((x + 0.5) * enlarge - 0.5), round((y + 0.5) * enlarge - 0.5))
        cv2.circle(drawn, middle, max(1, enlarge - 2), DOT, -1, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)


def contact_sheet(tiles: Sequence[Bytes], captions: Sequence[str], *, columns: int = 8) -> Bytes:
    """Return one RGB picture of equally large images in rows, a caption under each.

    Raises:
        ValueError: no tiles, tiles of different sizes, or not one caption for each.
    """
    if not tiles or len({tile.shape for tile in tiles}) != 1 or len(tiles) != len(captions):
        raise ValueError(
            f"contact_sheet: {len(tiles)} tiles of {len({t.shape for t in tiles})} sizes with "
            f"{len(captions)} captions; expected tiles of one size, a caption for each"
        )
    height, width = tiles[0].shape[:2]
    cell = height + CAPTION_HEIGHT
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * cell, min(columns, len(tiles)) * width, 3), 255, np.uint8)
    for index, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        top, left = index // columns * cell, index % columns * width
        sheet[top : top + height, left : left + width] = tile
        place = (left + 2, top + cell - 4)
        cv2.putText(sheet, caption, place, cv2.FONT_HERSHEY_PLAIN, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet
