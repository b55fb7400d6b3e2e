"""Search a photograph for faces: as it is, turned by 90 degrees, and in overlapping tiles."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from emotalk.faces.landmarks import NO_FACE, FaceLandmarks, LandmarkDetector, largest_first
from emotalk.faces.plausible import landmark_fault
from emotalk.faces.steadiness import DOUBTFUL, measure_drift
from emotalk.faces.tracking import TrackingDetector, intersection_over_union
from emotalk.media.thumbnail import shrunk
from emotalk.schema import Bytes, Doubles

SEARCHED_SIDE = 6000  # pixels: pictures of 24 million are searched as they are, larger ones shrunk
SMALLEST_TILE = 800  # pixels; scaled to a detector's 320 pixels it shows faces from 40 pixels on
STEP = 0.75  # of a tile's side: a face on a tile's border is whole in the next tile
MIN_SCORE = 0.75  # of a face in a turned picture or in a tile
SAME_FACE = 0.3  # intersection over union of boxes from two tiles


@dataclass(frozen=True)
class SearchResult:
    """Hold the faces of a photograph, and the rotation in which they were found."""

    image_HWC: Bytes  # the turned photograph
    found: FaceLandmarks  # in pixels of `image_HWC`
    quarter_turns: int = 0  # of 90 degrees to the left
    fault: str | None = None  # why the largest face's landmarks are not plausible


def search_faces(image_HWC: Bytes, detector: LandmarkDetector) -> SearchResult:
    """Return the faces of a photograph: as it is, else turned, else in ever smaller tiles.

    The photograph is not turned if its largest face is plausible. A face that is found only in a
    turned picture or in a tile needs a high score and a small drift. A photograph whose longer side
    has more than `SEARCHED_SIDE` pixels is searched in a copy of that size, so that the number of
    tiles, and with it the time of a picture without a face, has a limit.
    """
    searched_HWC = shrunk(image_HWC, side=SEARCHED_SIDE)
    result = _search(searched_HWC, detector)
    return result if searched_HWC is image_HWC else _in_original(result, image_HWC)


def _search(image_HWC: Bytes, detector: LandmarkDetector) -> SearchResult:
    unturned = check_largest(image_HWC, detector.detect([image_HWC])[0], detector)
    if unturned.found.count and unturned.fault is None:
        return unturned
    for side in tile_sides(max(image_HWC.shape[:2])):
        upright = _search_tiles(image_HWC, 0, side, detector)
        if upright.found.count:
            return upright
        turned = [_search_tiles(image_HWC, quarters, side, detector) for quarters in (1, 2, 3)]
        best = max(turned, key=lambda result: result.found.score)
        if best.found.count:
            return best
        if unturned.found.count:  # its face was found in the whole picture, so tiles are not needed
            break
    return unturned


def check_largest(
    image_HWC: Bytes, found: FaceLandmarks, detector: LandmarkDetector
) -> SearchResult:
    """Return the detected faces with the fault of the largest one, after measuring its drift."""
    if isinstance(detector, TrackingDetector):
        found = measure_drift(detector, image_HWC, found)
    height, width = image_HWC.shape[:2]
    fault = landmark_fault(found, (height, width)) if found.count else None
    return SearchResult(image_HWC, found, fault=fault)


def smallest_tile(image_HWC: Bytes) -> int:
    """Return the side of the smallest tiles that are searched, in pixels of the photograph."""
    side = int(max(image_HWC.shape[:2]))
    searched = min(side, SEARCHED_SIDE)
    return -(-tile_sides(searched)[-1] * side // searched)


def tile_sides(side: int) -> list[int]:
    """Return the sides of square tiles to search, the largest first: the picture, halves, ...

    `side` is the picture's longer side; all are in its pixels.
    """
    sides = [side]
    while sides[-1] / 2 >= SMALLEST_TILE:
        sides.append(-(-sides[-1] // 2))
    return sides


def _search_tiles(
    image_HWC: Bytes, quarters: int, side: int, detector: LandmarkDetector
) -> SearchResult:
    """Return the faces of all tiles of a turned picture, the largest with its landmarks."""
    turned_HWC = np.rot90(image_HWC, quarters)  # a view
    best: SearchResult | None = None
    boxes: list[Doubles] = []
    for top, left in _corners(turned_HWC, side):
        tile_HWC = np.ascontiguousarray(turned_HWC[top : top + side, left : left + side])
        seen = detector.detect([tile_HWC])[0]
        if not seen.count or seen.score < MIN_SCORE:
            continue
        result = check_largest(tile_HWC, seen, detector)
        if result.fault is not None or (result.found.drift or 0.0) > DOUBTFUL:
            continue
        moved = _moved(result.found, left, top)
        boxes += [
            box
            for box in moved.boxes
            if all(intersection_over_union(box, other) <= SAME_FACE for other in boxes)
        ]
        if best is None or _area(moved.box) > _area(best.found.box):
            best = replace(result, found=moved)
    if best is None:
        return SearchResult(image_HWC, NO_FACE)
    ordered = largest_first(np.stack(boxes)) if boxes else ()
    found = replace(best.found, count=max(1, len(ordered)), boxes=ordered)
    return SearchResult(np.ascontiguousarray(turned_HWC), found, quarters)


def _corners(image_HWC: Bytes, side: int) -> Iterator[tuple[int, int]]:
    """Yield top and left of square tiles that cover a picture and overlap."""
    height, width = image_HWC.shape[:2]
    return itertools.product(_starts(height, side), _starts(width, side))


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (STEP * side)))
    return [int(start) for start in np.linspace(0, length - side, count)]


def _moved(face: FaceLandmarks, left: int, top: int) -> FaceLandmarks:
    """Return a tile's face in the whole picture's pixels."""
    assert face.landmarks_LP is not None, "a face without a fault has landmarks"
    corner = np.array([left, top], np.float64)
    twice = np.tile(corner, 2)
    return replace(
        face,
        box=None if face.box is None else face.box + twice,
        boxes=tuple(box + twice for box in face.boxes),
        landmarks_LP=(face.landmarks_LP + corner).astype(np.float32),
    )


def _in_original(result: SearchResult, image_HWC: Bytes) -> SearchResult:
    """Return what was found in a shrunk copy in the photograph's own pixels."""
    turned_HWC = np.ascontiguousarray(np.rot90(image_HWC, result.quarter_turns))
    height, width = turned_HWC.shape[:2]
    searched_height, searched_width = result.image_HWC.shape[:2]
    scale = np.array([width / searched_width, height / searched_height])
    shift = (scale - 1) / 2  # whole numbers are pixel centres
    found = result.found
    points_LP = found.landmarks_LP
    enlarged = replace(
        found,
        box=None if found.box is None else found.box * np.tile(scale, 2) + np.tile(shift, 2),
        boxes=tuple(box * np.tile(scale, 2) + np.tile(shift, 2) for box in found.boxes),
        landmarks_LP=None if points_LP is None else (points_LP * scale + shift).astype(np.float32),
    )
    return replace(result, image_HWC=turned_HWC, found=enlarged)


def _area(box: Doubles | None) -> float:
    return 0.0 if box is None else float(np.prod(box[2:4] - box[:2]))
