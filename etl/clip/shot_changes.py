"""Find where a new shot begins in a stream of frames: hard cuts, fades and dissolves.

A frame's change is compared with a limit and with the changes of the frames before it: a jump
between two takes of one person is small, but sudden.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats
from etl.clip.picture_change import CALM, HEIGHT, WIDTH, Thumbnail

MAX_CHANGE = 0.25  # limit of a change; speakers up to 0.17, cuts to another scene 0.3 to 0.7
SUDDEN_CHANGE = 0.018  # outside the blocks that changed most (key frames of poor codecs: to 0.016)
SUDDEN_RATIO = 6.0  # that change is a new shot if it is this many times that of the frames before
REMEMBERED, FEWEST = 12, 4  # changes of earlier frames, and the number needed to call one sudden

FLASH = 10.0  # grey levels: a picture that is lighter by this may be a flash, and is held back
LONGEST_FLASH = 3  # frames
BACK = 4  # frames before the last one: a picture that returns to one of them is no new shot
RETURNED = 0.3  # of the change to the last frame

DISSOLVES = (8, 16, 26)  # frames that are looked at for a dissolve
MIXED = 0.2  # share of the change that a mixture of its ends leaves unexplained, at most
SETTLED = 1.5  # frames: before a dissolve two frames differ by less than it does in this time
GROWING = 1.03  # of the change's energy from one frame to the next: the dissolve goes on
LIT_ALIKE = 2.5  # ratio of the contrasts of a dissolve's ends, at most: else the light changes
NOTICEABLE = 0.05  # share of the contrast: less than this is no dissolve


@dataclass(frozen=True)
class ShotChange:
    """A new shot, by the numbers of the frames that were added, from 0."""

    last: int  # last frame of the shot before
    first: int  # first frame of the new one; after a fade or dissolve some frames later
    value: float  # the change, in [0, 1]


@dataclass(frozen=True)
class _Frame:
    number: int
    picture: Thumbnail


@dataclass(frozen=True)
class _Dissolve:
    """A dissolve that has not ended."""

    before: _Frame  # last frame before it
    energy: float  # of the change since


class ShotChanges:
    """Tell of each frame of a video whether it begins a new shot; constant memory.

    A change that may be a flash is reported when the frames after it do not return to the picture
    before it, at most `LONGEST_FLASH` frames late, and a dissolve when it has ended. `found` holds
    the frames concerned.

    Attributes:
        found: the latest new shot; None before the first one.
        value: the last frame's change, to be compared with the limit.
    """

    def __init__(self, max_change: float = MAX_CHANGE) -> None:
        self.found: ShotChange | None = None
        self.value = 0.0
        self._limit = max_change
        self._number = -1  # of the current frame
        self._held: list[int] = []  # frames after the last one of the shot that may be a flash
        self._changes: deque[float] = deque(maxlen=REMEMBERED)
        self._recent: deque[_Frame] = deque(maxlen=DISSOLVES[-1] + 1)  # of the shot, without blanks
        self._dissolve: _Dissolve | None = None

    def add(self, frame_HWC: Bytes) -> bool:
        """Return whether a new shot was found with this uint8 RGB frame; see `found`."""
        self._number += 1
        frame = _Frame(self._number, Thumbnail.of(frame_HWC))
        self.value = 0.0
        if frame.picture.is_blank:
            return False
        if not self._recent:
            return self._go_on(frame)
        before = self._recent[-1]
        self.value = self._judged(before, frame)
        if self.value <= self._limit or self._returns(frame.picture):
            return self._go_on(frame)
        lighter = frame.picture.mean - before.picture.mean > FLASH
        if lighter and len(self._held) < LONGEST_FLASH:
            self._held.append(frame.number)
            return False
        first = self._held[0] if self._held else frame.number
        return self._begin(frame, ShotChange(before.number, first, self.value))

    def _go_on(self, frame: _Frame) -> bool:
        """Take a frame of the same shot; return whether a dissolve ended with it."""
        self._held.clear()
        self._recent.append(frame)
        if self._dissolve is None:
            self._dissolve = self._begun_dissolve()
            return False
        before = self._dissolve.before
        energy = _apart(frame.picture.grey, before.picture.grey)
        if energy > GROWING * self._dissolve.energy:
            self._dissolve = _Dissolve(before, energy)
            return False
        value = before.picture.change_to(frame.picture).whole
        return self._begin(frame, ShotChange(before.number, frame.number, value))

    def _begin(self, frame: _Frame, change: ShotChange) -> bool:
        self.found, self.value = change, change.value
        self._held.clear()
        self._changes.clear()
        self._recent.clear()
        self._dissolve = None
        self._recent.append(frame)
        return True

    def _judged(self, before: _Frame, frame: _Frame) -> float:
        """Return a frame's change, raised above the limit where it is a sudden one."""
        change = before.picture.change_to(frame.picture)
        if change.whole > self._limit or change.elsewhere > SUDDEN_CHANGE:
            moved = before.picture.moved_onto(frame.picture)  # the camera may have moved far
            change = min(change, moved.change_to(frame.picture), key=lambda each: each.whole)
        usual = max(CALM, *self._changes, 0.0)
        enough = len(self._changes) >= FEWEST and frame.number == before.number + 1
        self._changes.append(change.elsewhere)
        if not enough:
            return change.whole
        sudden = min(change.elsewhere / SUDDEN_CHANGE, change.elsewhere / usual / SUDDEN_RATIO)
        return min(1.0, max(change.whole, self._limit * sudden))

    def _returns(self, picture: Thumbnail) -> bool:
        """Return whether a picture is much nearer to one of a few frames ago, as after a flash."""
        *earlier, last = [frame.picture for frame in self._recent][-1 - BACK :]
        near = RETURNED * last.change_to(picture).whole
        return any(old.change_to(picture).whole <= near for old in earlier)

    def _begun_dissolve(self) -> _Dissolve | None:
        """Return the dissolve that goes on in the last frames, or None."""
        last = self._recent[-1].picture
        for length in DISSOLVES:
            if len(self._recent) <= length:
                return None
            begin = len(self._recent) - length - 1
            before = self._recent[begin]
            energy = _apart(last.grey, before.picture.grey)
            if not _may_dissolve(before.picture, last, energy):
                continue
            pictures = [frame.picture.grey for frame in islice(self._recent, begin, None)]
            change = before.picture.change_to(last).whole
            if change > self._limit and _is_mixture(pictures, energy):
                return _Dissolve(before, energy)
        return None


def _may_dissolve(first: Thumbnail, last: Thumbnail, energy: float) -> bool:
    """Return whether two pictures differ by so much, in like light, that one dissolved in between.

    `energy` is that of their difference.
    """
    low, high = sorted((first.contrast, last.contrast))
    noticed: bool = energy > NOTICEABLE * WIDTH * HEIGHT * (low**2 + high**2)
    return noticed and bool(high <= LIT_ALIKE * low)


def _is_mixture(pictures: Sequence[Floats], whole: float) -> bool:
    """Return whether the pictures go from the first towards the last by mixing the two.

    A moving thing is in neither end's place half way, so no mixture of the ends explains it.
    `whole` is the energy of the ends' difference.
    """
    first, last = pictures[0], pictures[-1]
    if _apart(pictures[2], first) > whole * (SETTLED / (len(pictures) - 1)) ** 2:
        return False
    middle = _most_even(pictures, first, last)
    ends: Doubles = np.stack([first.ravel(), last.ravel()], 1).astype(np.float64)
    weights, *_ = np.linalg.lstsq(ends, middle.ravel().astype(np.float64), rcond=None)
    if weights.min() < MIXED or not 1 - MIXED < weights.sum() < 1 + MIXED:
        return False
    mixed = (ends @ weights).reshape(middle.shape).astype(np.float32)
    return _apart(middle, mixed) <= MIXED * min(_apart(middle, first), _apart(middle, last))


def _most_even(pictures: Sequence[Floats], first: Floats, last: Floats) -> Floats:
    """Return the picture that is equally far from both ends."""
    return min(pictures[1:-1], key=lambda p: abs(_apart(p, first) - _apart(p, last)))


def _apart(one: Floats, other: Floats) -> float:
    """Return the summed squared difference of two pictures."""
    return float(cv2.norm(one, other, cv2.NORM_L2SQR))
