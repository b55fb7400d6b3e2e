"""The faces of one photograph, however it is turned and however small they are in it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, LandmarkFinder, largest_first
from emotalk.faces.plausible import landmark_fault
from emotalk.faces.steadiness import DOUBTFUL, looked_at_again
from emotalk.faces.tracking import TrackingFinder
from emotalk.schema import Bytes, Doubles

SMALLEST_TILE = 800  # pixels; a detector that sees 320 of them finds faces of 40 pixels in it
STEP = 0.75  # of a tile's side: what lies across a border is whole in the next tile
SURE = 0.75  # the detector's score for a face in a turned picture or in a part of it
SAME_FACE = 0.3  # intersection over union of boxes from two tiles


@dataclass(frozen=True)
class Sighting:
    """The face of a photograph, and the rotation in which it was found.

    Attributes:
        image_HWC: the photograph as turned.
        found: its faces, in pixels of `image_HWC`.
        quarter_turns: how often it was turned by 90 degrees to the left.
        fault: why the largest face's landmarks cannot be believed, or None.
    """

    image_HWC: Bytes
    found: FaceLandmarks
    quarter_turns: int = 0
    fault: str | None = None


def search_faces(image_HWC: Bytes, finder: LandmarkFinder) -> Sighting:
    """Return the faces of a photograph: as it stands, else turned, else in ever smaller parts.

    The picture as it stands wins wherever its largest face is a plausible one. A face seen only in
    a turned picture or in a part of it must be a sure and steady one.

    Args:
        image_HWC: uint8 RGB.
        finder: finds faces and landmarks.
    """
    as_it_stands = look(image_HWC, finder.find([image_HWC])[0], finder)
    if as_it_stands.found.count and as_it_stands.fault is None:
        return as_it_stands
    for side in tile_sides(image_HWC):
        upright = _in_tiles(image_HWC, 0, side, finder)
        if upright.found.count:
            return upright
        turned = [_in_tiles(image_HWC, quarters, side, finder) for quarters in (1, 2, 3)]
        best = max(turned, key=lambda sighting: sighting.found.score)
        if best.found.count:
            return best
        if as_it_stands.found.count:  # its face is large enough to be seen whole
            break
    return as_it_stands


def look(image_HWC: Bytes, found: FaceLandmarks, finder: LandmarkFinder) -> Sighting:
    """Return what was found with the fault of its largest face, looked at once more."""
    if isinstance(finder, TrackingFinder):
        found = looked_at_again(finder, image_HWC, found)
    height, width = image_HWC.shape[:2]
    fault = landmark_fault(found, (height, width)) if found.count else None
    return Sighting(image_HWC, found, fault=fault)


def tile_sides(image_HWC: Bytes) -> list[int]:
    """Return the sides of square tiles to look at, the largest first: the picture, halves, ..."""
    sides = [max(image_HWC.shape[:2])]
    while sides[-1] / 2 >= SMALLEST_TILE:
        sides.append(-(-sides[-1] // 2))
    return sides


def _in_tiles(image_HWC: Bytes, quarters: int, side: int, finder: LandmarkFinder) -> Sighting:
    """Return the sure faces of all tiles of a turned picture, the largest with its landmarks."""
    turned_HWC = np.rot90(image_HWC, quarters)  # a view
    best: Sighting | None = None
    boxes: list[Doubles] = []
    for left, top in _corners(turned_HWC, side):
        tile_HWC = np.ascontiguousarray(turned_HWC[top : top + side, left : left + side])
        seen = finder.find([tile_HWC])[0]
        if not seen.count or seen.score < SURE:
            continue
        sighting = look(tile_HWC, seen, finder)
        if sighting.fault is not None or (sighting.found.drift or 0.0) > DOUBTFUL:
            continue
        moved = _moved(sighting.found, left, top)
        boxes += [box for box in moved.boxes if not any(_overlap(box, b) for b in boxes)]
        if best is None or _area(moved.box) > _area(best.found.box):
            best = replace(sighting, found=moved)
    if best is None:
        return Sighting(image_HWC, NO_FACE)
    ordered = largest_first(np.stack(boxes)) if boxes else ()
    found = replace(best.found, count=max(1, len(ordered)), boxes=ordered)
    return Sighting(np.ascontiguousarray(turned_HWC), found, quarters)


def _corners(image_HWC: Bytes, side: int) -> Iterator[tuple[int, int]]:
    """Yield left and top of square tiles that cover a picture and overlap."""
    height, width = image_HWC.shape[:2]
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (STEP * side)))
    return [int(start) for start in np.linspace(0, length - side, count)]


def _moved(face: FaceLandmarks, left: int, top: int) -> FaceLandmarks:
    """Return a tile's face in the whole picture's pixels."""
    assert face.landmarks_LP is not None, "a sure face has landmarks"
    corner = np.array([left, top], np.float64)
    twice = np.tile(corner, 2)
    return replace(
        face,
        box=None if face.box is None else face.box + twice,
        boxes=tuple(box + twice for box in face.boxes),
        landmarks_LP=(face.landmarks_LP + corner).astype(np.float32),
    )


def _area(box: Doubles | None) -> float:
    return 0.0 if box is None else float(np.prod(box[2:4] - box[:2]))


def _overlap(box: Doubles, other: Doubles) -> bool:
    width, height = np.minimum(box[2:4], other[2:4]) - np.maximum(box[:2], other[:2])
    shared = max(0.0, float(width)) * max(0.0, float(height))
    return shared > SAME_FACE * (_area(box) + _area(other) - shared)
