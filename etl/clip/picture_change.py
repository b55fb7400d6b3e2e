"""Measure how much of a picture's structure is not in another one, whatever light and motion do."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from cv2.typing import MatLike

from emotalk.schema import Bytes, Floats

WIDTH, HEIGHT = 64, 48  # of the grey thumbnail that stands for a frame
BLOCK = 16  # side of the compared blocks, thumbnail pixels
COLUMNS, ROWS = WIDTH // BLOCK, HEIGHT // BLOCK
REACH = 5  # thumbnail pixels that a block may have moved between two frames
FURTHEST = 12  # thumbnail pixels that the whole picture may have moved
LIKE = 0.99  # correlation at which a block counts as found
MIN_CONTRAST, FULL_CONTRAST = 2.0, 20.0  # standard deviation of a block's grey levels
BLANK = 20.0  # sum of the blocks' contrasts below which a picture shows nothing
LOCAL = 0.35  # share of the blocks, those that changed most, that `Change.elsewhere` leaves out
CALM = 0.003  # smaller changes are the codec's

WINDOW = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)


@dataclass(frozen=True)
class Change:
    """Hold the share of one picture that is not in another, in [0, 1]."""

    whole: float  # of all blocks
    elsewhere: float  # without the blocks that changed most: a hand, a mouth


class Thumbnail:
    """A frame's small grey picture, and what is compared of it.

    Attributes:
        grey: levels about 0, float32 (HEIGHT, WIDTH).
        mean: of its levels.
        contrast: their standard deviation.
    """

    def __init__(self, grey: Floats) -> None:
        self.grey = grey
        self._means = _of_blocks(grey)
        squares = _of_blocks(grey * grey)
        self._deviations = np.sqrt(np.maximum(squares - self._means**2, 0.0))
        self._weights = np.minimum(self._deviations, FULL_CONTRAST)
        self._weights[self._deviations <= MIN_CONTRAST] = 0.0
        self._total = float(self._weights.sum())
        self.mean = float(self._means.mean())
        self.contrast = max(float(squares.mean()) - self.mean**2, 0.0) ** 0.5

    @classmethod
    def of(cls, frame_HWC: Bytes) -> Self:
        """Return the thumbnail of a uint8 RGB frame of any size."""
        few = cv2.resize(frame_HWC, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_NEAREST)
        grey = cv2.cvtColor(few, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        return cls(np.subtract(small, 128, dtype=np.float32))

    @property
    def is_blank(self) -> bool:
        """Return whether it shows next to nothing."""
        return self._total <= BLANK

    def change_to(self, other: "Thumbnail") -> Change:
        """Return what has changed in another thumbnail.

        Each block of one picture is looked for in the other up to `REACH` pixels away. The change
        is 1 minus the blocks' correlations, weighted by their contrasts, the larger one of both
        directions.
        """
        products = _of_blocks(self.grey * other.grey) - self._means * other._means
        scales = np.maximum(self._deviations * other._deviations, 1e-6)
        likeness = np.clip(products / scales, 0.0, 1.0)
        sides = [(side, 1.0 - likeness) for side in (self, other) if not side.is_blank]
        bound = max((float(np.dot(a._weights, b)) / a._total for a, b in sides), default=0.0)
        if bound <= CALM:
            return Change(bound, bound)
        there, back = self._not_in(other, likeness), other._not_in(self, likeness)
        return Change(max(there.whole, back.whole), max(there.elsewhere, back.elsewhere))

    def moved_onto(self, other: "Thumbnail") -> "Thumbnail":
        """Return it shifted as a whole to where it resembles another one most."""
        shift, _ = cv2.phaseCorrelate(self.grey.copy(), other.grey.copy(), WINDOW)  # writes in both
        right, down = (round(min(max(part, -FURTHEST), FURTHEST)) for part in shift)
        move = np.array([[1, 0, right], [0, 1, down]], np.float64)
        grey = cv2.warpAffine(self.grey, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        moved = Thumbnail(np.asarray(grey, np.float32))
        return self if moved.is_blank else moved

    def _not_in(self, other: "Thumbnail", likeness: Floats) -> Change:
        """Return what of this picture is not in the other; `likeness` is of blocks in place."""
        if self.is_blank:
            return Change(0.0, 0.0)
        weights, lost = self._weights, 1.0 - likeness
        moved = np.flatnonzero((likeness < LIKE) & (weights > 0))
        if moved.size:
            grey = other.grey
            wide = cv2.copyMakeBorder(grey, REACH, REACH, REACH, REACH, cv2.BORDER_REPLICATE)
            for index in moved:
                lost[index] = min(lost[index], 1.0 - self._found_in(wide, int(index)))
        order = lost.argsort(kind="stable")
        calm = order[np.cumsum(weights[order]) <= (1 - LOCAL) * self._total]
        left = float(np.dot(weights[calm], lost[calm])) / max(float(weights[calm].sum()), 1e-6)
        return Change(float(np.dot(weights, lost)) / self._total, left)

    def _found_in(self, wide: MatLike, index: int) -> float:
        """Return the correlation of a block with the best place near its own, at least 0."""
        top, left = BLOCK * (index // COLUMNS), BLOCK * (index % COLUMNS)
        block = np.ascontiguousarray(self.grey[top : top + BLOCK, left : left + BLOCK])
        near = wide[top : top + BLOCK + 2 * REACH, left : left + BLOCK + 2 * REACH]
        return min(max(float(cv2.matchTemplate(near, block, cv2.TM_CCOEFF_NORMED).max()), 0.0), 1.0)


def _of_blocks(values: MatLike) -> Floats:
    """Return the mean of each block, row by row (N,)."""
    means: Floats = cv2.resize(values, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).ravel()
    return means
