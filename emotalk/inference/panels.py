"""Compose videos of equal size into a grid with a label under each."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotalk.schema import Bytes, check_shape

BACKGROUND, INK = (18, 18, 20), (236, 236, 236)
LABEL_SHARE = 8  # a label's height is a panel's divided by this
SMALLEST_LABEL = 20  # pixels
NARROW = 6  # panels that stand in rows of three; more stand in rows of four


class PanelGrid:
    """Draw the labels once, and put the panels of every frame above them."""

    def __init__(self, labels: Sequence[str], *, height: int, width: int) -> None:
        """Draw the empty grid.

        Args:
            labels: one for each panel, row by row from the left.
            height: of a panel, in pixels; even.
            width: likewise.
        """
        self.columns = 3 if len(labels) <= NARROW else 4
        self._panel = (height, width)
        self._label = max(SMALLEST_LABEL, height // LABEL_SHARE) // 2 * 2
        rows = -(-len(labels) // self.columns)
        size = (min(self.columns, len(labels)) * width, rows * (height + self._label))
        canvas = Image.new("RGB", size, BACKGROUND)
        draw = ImageDraw.Draw(canvas)
        font = ImageFont.load_default(0.6 * self._label)
        self._places = [divmod(index, self.columns) for index in range(len(labels))]
        for label, (row, column) in zip(labels, self._places, strict=True):
            middle = ((column + 0.5) * width, row * (height + self._label) + height)
            below = (middle[0], middle[1] + self._label / 2)
            draw.text(below, label, fill=INK, font=font, anchor="mm")
        self._empty_HWC: Bytes = np.asarray(canvas)

    def compose(self, panels: Sequence[Bytes]) -> Bytes:
        """Return the frames (T, H', W', 3) of the grid.

        Args:
            panels: uint8 RGB (T, H, W, 3) of each label, of one length.
        """
        height, width = self._panel
        grid_THWC = np.repeat(self._empty_HWC[None], len(panels[0]), 0)
        for panel_THWC, (row, column) in zip(panels, self._places, strict=True):
            check_shape(panel_THWC, f"{len(grid_THWC)} {height} {width} 3", "panel")
            top, left = row * (height + self._label), column * width
            grid_THWC[:, top : top + height, left : left + width] = panel_THWC
        return grid_THWC
