"""Find where a new shot begins in a stream of frames: hard cuts, fades and dissolves.

Frames are compared by their structure, block by block with a search for motion, so that light,
moving people and a moving camera do not count. A frame's change is compared with a limit and with
the changes of the frames before it: a jump between two takes of one person is small, but sudden.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from emotalk.schema import Bytes, Doubles, Floats

WIDTH, HEIGHT = 64, 48  # of the grey thumbnail that stands for a frame
BLOCK = 16  # side of the compared blocks, thumbnail pixels
REACH = 5  # thumbnail pixels that a block may have moved between two frames
FURTHEST = 12  # thumbnail pixels that the whole picture may have moved
LIKE = 0.99  # correlation at which a block counts as found
MIN_CONTRAST, FULL_CONTRAST = 2.0, 20.0  # standard deviation of a block's grey levels
BLANK = 20.0  # sum of the blocks' contrasts below which a picture shows nothing

MAX_CHANGE = 0.25  # limit of a change; speakers 0.001 to 0.06, cuts to another scene 0.3 to 0.7
LOCAL = 0.3  # share of the blocks, those that changed most, that a sudden change leaves out
SUDDEN_CHANGE = (
    0.018  # of the other blocks (key frames of poor codecs: to 0.016): a new shot if ...
)
SUDDEN_RATIO = 6.0  # ... it is this many times the largest one of the frames before
CALM = 0.003  # smaller changes are the codec's
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

WINDOW = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)


@dataclass(frozen=True)
class ShotChange:
    """A new shot, by the numbers of the frames that were added, from 0."""

    last: int  # last frame of the shot before
    first: int  # first frame of the new one; after a fade or dissolve some frames later
    value: float  # the change, in [0, 1]


@dataclass(frozen=True)
class _Dissolve:
    """A dissolve that has not ended."""

    last: int  # last frame before it
    picture: Floats  # that frame
    energy: float  # of the change since


class ShotChanges:
    """Tells of each frame of a video whether it begins a new shot; constant memory.

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
        self._seen: tuple[int, Floats] | None = None  # last frame of the shot that shows something
        self._held: list[int] = []  # frames after it that may be a flash
        self._changes: deque[float] = deque(maxlen=REMEMBERED)
        self._recent: deque[tuple[int, Floats]] = deque(maxlen=DISSOLVES[-1] + 1)
        self._dissolve: _Dissolve | None = None

    def add(self, frame_HWC: Bytes) -> bool:
        """Return whether a new shot was found with this uint8 RGB frame; see `found`."""
        self._number += 1
        number, picture = self._number, thumbnail(frame_HWC)
        self.value = 0.0
        if _is_blank(picture):
            return False
        if self._seen is None:
            return self._go_on(number, picture)
        before, old = self._seen
        self.value = self._judged(old, picture, number - before)
        if self.value <= self._limit:
            return self._go_on(number, picture)
        if self._returns(picture):
            return self._go_on(number, picture)
        lighter = float(picture.mean() - old.mean()) > FLASH
        if lighter and len(self._held) < LONGEST_FLASH:
            self._held.append(number)
            return False
        first = self._held[0] if self._held else number
        return self._begin(picture, ShotChange(before, first, self.value))

    def _go_on(self, number: int, picture: Floats) -> bool:
        """Take a frame of the same shot; return whether a dissolve ended with it."""
        self._held.clear()
        self._seen = (number, picture)
        self._recent.append(self._seen)
        dissolve = self._dissolve
        if dissolve is None:
            self._dissolve = self._begun_dissolve()
            return False
        energy = _energy(picture - dissolve.picture)
        if energy > GROWING * dissolve.energy:
            self._dissolve = _Dissolve(dissolve.last, dissolve.picture, energy)
            return False
        value = picture_change(dissolve.picture, picture)
        return self._begin(picture, ShotChange(dissolve.last, number, value))

    def _returns(self, picture: Floats) -> bool:
        """Return whether a picture is much nearer to one of a few frames ago, as after a flash."""
        *earlier, last = [old for _, old in self._recent][-1 - BACK :]
        near = RETURNED * picture_change(last, picture)
        return any(picture_change(old, picture) <= near for old in earlier)

    def _begin(self, picture: Floats, change: ShotChange) -> bool:
        self.found, self.value = change, change.value
        self._held.clear()
        self._changes.clear()
        self._recent.clear()
        self._dissolve = None
        self._seen = (self._number, picture)
        self._recent.append(self._seen)
        return True

    def _judged(self, old: Floats, picture: Floats, frames: int) -> float:
        """Return a change, raised above the limit where it is a sudden one."""
        change, rest = _change(old, picture)
        if change > self._limit:  # unless the camera moved far
            change = min(change, _change(_moved(old, picture), picture)[0])
        usual = max(CALM, *self._changes, 0.0)
        enough = len(self._changes) >= FEWEST and frames == 1
        self._changes.append(rest)
        if not enough:
            return change
        sudden = min(rest / SUDDEN_CHANGE, rest / usual / SUDDEN_RATIO)
        return min(1.0, max(change, self._limit * sudden))

    def _begun_dissolve(self) -> _Dissolve | None:
        """Return the dissolve that goes on in the last frames, or None."""
        frames = list(self._recent)
        for length in DISSOLVES:
            if len(frames) <= length:
                return None
            pictures = [picture for _, picture in frames[-length - 1 :]]
            if _is_mixture(pictures) and picture_change(pictures[0], pictures[-1]) > self._limit:
                first, picture = frames[-length - 1]
                return _Dissolve(first, picture, _energy(pictures[-1] - picture))
        return None


def thumbnail(frame_HWC: Bytes) -> Floats:
    """Return a frame's small grey picture, float32 (HEIGHT, WIDTH)."""
    height, width = frame_HWC.shape[:2]
    step = max(1, min(height // (2 * HEIGHT), width // (2 * WIDTH)))
    fewer = np.ascontiguousarray(frame_HWC[::step, ::step])
    small = cv2.resize(fewer, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def picture_change(one: Floats, other: Floats) -> float:
    """Return how much of a thumbnail's structure is not found in another, in [0, 1].

    Each block is looked for in the other picture up to `REACH` pixels away. The change is 1 minus
    the blocks' correlations, weighted by their contrasts, the larger one of both directions.
    """
    return _change(one, other)[0]


def _change(one: Floats, other: Floats) -> tuple[float, float]:
    """Return `picture_change`, and the same without the blocks that changed most."""
    there, back = _not_found(one, other), _not_found(other, one)
    return max(there[0], back[0]), max(there[1], back[1])


def _not_found(picture: Floats, wanted: Floats) -> tuple[float, float]:
    here, blocks = _blocks(picture), _blocks(wanted)
    contrasts = blocks.std(1)
    weights = np.where(contrasts > MIN_CONTRAST, np.minimum(contrasts, FULL_CONTRAST), 0.0)
    if weights.sum() <= BLANK:
        return 0.0, 0.0
    around = blocks - blocks.mean(1, keepdims=True)
    here = here - here.mean(1, keepdims=True)
    norms = np.sqrt((around**2).sum(1) * (here**2).sum(1))
    likeness = (around * here).sum(1) / np.maximum(norms, 1e-6)
    wide = cv2.copyMakeBorder(picture, REACH, REACH, REACH, REACH, cv2.BORDER_REPLICATE)
    for index in np.flatnonzero((likeness < LIKE) & (weights > 0)):
        top, left = BLOCK * (index // (WIDTH // BLOCK)), BLOCK * (index % (WIDTH // BLOCK))
        block = np.ascontiguousarray(wanted[top : top + BLOCK, left : left + BLOCK])
        near = wide[top : top + BLOCK + 2 * REACH, left : left + BLOCK + 2 * REACH]
        found = cv2.matchTemplate(near, block, cv2.TM_CCOEFF_NORMED)
        likeness[index] = max(likeness[index], float(found.max()))
    lost = 1 - np.clip(likeness, 0, 1)
    order = lost.argsort(kind="stable")
    kept = order[np.cumsum(weights[order]) <= (1 - LOCAL) * weights.sum()]
    rest = float((weights * lost)[kept].sum() / max(float(weights[kept].sum()), 1e-6))
    return float((weights * lost).sum() / weights.sum()), rest


def _moved(picture: Floats, onto: Floats) -> Floats:
    """Return a thumbnail shifted as a whole to where it resembles another one most."""
    shift, _ = cv2.phaseCorrelate(picture.copy(), onto.copy(), WINDOW)  # it writes into both
    right, down = (round(min(max(part, -FURTHEST), FURTHEST)) for part in shift)
    move = np.array([[1, 0, right], [0, 1, down]], np.float64)
    moved = cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return picture if _is_blank(moved) else np.asarray(moved, np.float32)


def _blocks(picture: Floats) -> Floats:
    """Return the blocks of a thumbnail, row by row (N, BLOCK * BLOCK)."""
    rows = picture.reshape(HEIGHT // BLOCK, BLOCK, WIDTH // BLOCK, BLOCK)
    return rows.transpose(0, 2, 1, 3).reshape(-1, BLOCK * BLOCK)


def _is_blank(picture: Floats) -> bool:
    contrasts = _blocks(picture).std(1)
    return float(contrasts[contrasts > MIN_CONTRAST].sum()) <= BLANK


def _is_mixture(pictures: Sequence[Floats]) -> bool:
    """Return whether the pictures go from the first towards the last by mixing the two.

    A moving thing is in neither end's place half way, so no mixture of the ends explains it.
    """
    first, last = pictures[0], pictures[-1]
    whole = _energy(last - first)
    contrasts = sorted((float(first.std()), float(last.std())))
    if whole <= NOTICEABLE * first.size * (contrasts[0] ** 2 + contrasts[1] ** 2):
        return False
    if contrasts[1] > LIT_ALIKE * contrasts[0]:
        return False
    if _energy(pictures[2] - first) > whole * (SETTLED / (len(pictures) - 1)) ** 2:
        return False
    middle = _most_even(pictures, first, last)
    ends: Doubles = np.stack([first.ravel(), last.ravel()], 1).astype(np.float64)
    weights, *_ = np.linalg.lstsq(ends, middle.ravel().astype(np.float64), rcond=None)
    if weights.min() < MIXED or not 1 - MIXED < weights.sum() < 1 + MIXED:
        return False
    left = middle - (ends @ weights).reshape(middle.shape).astype(np.float32)
    apart = min(_energy(middle - first), _energy(middle - last))
    return _energy(left) <= MIXED * apart


def _most_even(pictures: Sequence[Floats], first: Floats, last: Floats) -> Floats:
    """Return the picture that is equally far from both ends."""
    return min(pictures[1:-1], key=lambda p: abs(_energy(p - first) - _energy(p - last)))


def _energy(picture: Floats) -> float:
    return float(np.vdot(picture, picture))
