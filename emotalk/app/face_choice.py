"""Find the faces of a picture, draw their boxes, and say which one a click means."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emotalk.errors import WrongUse
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.faces.search import search_faces
from emotalk.media.image import read_image
from emotalk.media.thumbnail import shrunk
from emotalk.schema import Bytes

SHOWN_SIDE = 1024  # pixels of the longer side of the shown picture
CHOSEN, OTHER = (255, 122, 0), (255, 255, 255)
NEAR = 0.25  # of a face's side: a click so far outside its box still means it

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class PictureFaces:
    """A picture as it is shown, and the boxes of its faces in the shown pixels, largest first."""

    shown_HWC: Bytes
    boxes: tuple[Box, ...]


def find_faces(path: Path, detector: LandmarkDetector) -> PictureFaces:
    """Return the upright picture of a file with the faces found in it.

    Raises:
        WrongUse: the picture cannot be read or shows no face.
    """
    result = search_faces(read_image(path), detector)
    shown_HWC = shrunk(result.image_HWC, side=SHOWN_SIDE)
    if not result.found.count:
        raise WrongUse(
            "No face was found in this picture. Take one in which the face is large, uncovered "
            "and looks at the camera."
        )
    scale = shown_HWC.shape[1] / result.image_HWC.shape[1]
    boxes = [tuple(float(value) * scale for value in box[:4]) for box in result.found.boxes]
    return PictureFaces(shown_HWC, tuple((a, b, c, d) for a, b, c, d in boxes))


def face_at(boxes: tuple[Box, ...], x: float, y: float) -> int | None:
    """Return the face that a click at a point of the shown picture means, or None.

    Of the boxes that hold the point the smallest counts, else the nearest box within a quarter of
    its side.
    """
    holding = [index for index, box in enumerate(boxes) if _outside(box, x, y) == 0]
    if holding:
        return min(holding, key=lambda index: _side(boxes[index]))
    near = [index for index, box in enumerate(boxes) if _outside(box, x, y) < NEAR * _side(box)]
    return min(near, key=lambda index: _outside(boxes[index], x, y), default=None)


def draw_boxes(shown_HWC: Bytes, boxes: tuple[Box, ...], chosen: int) -> Bytes:
    """Return a copy of the picture with a box around each face, the chosen one's bold."""
    drawn_HWC = np.ascontiguousarray(shown_HWC).copy()
    thin = max(2, round(max(shown_HWC.shape[:2]) / 320))
    for index, box in enumerate(boxes):
        if index != chosen:
            _draw(drawn_HWC, box, OTHER, thin)
    if boxes:
        _draw(drawn_HWC, boxes[chosen], CHOSEN, 2 * thin)
    return drawn_HWC


def jpeg_bytes(image_HWC: Bytes) -> bytes:
    """Return an RGB image as a JPEG file."""
    bgr_HWC = cv2.cvtColor(np.ascontiguousarray(image_HWC), cv2.COLOR_RGB2BGR)
    done, jpeg = cv2.imencode(".jpg", bgr_HWC)
    assert done, "uint8 RGB can be encoded"
    return jpeg.tobytes()


def _draw(image_HWC: Bytes, box: Box, colour: tuple[int, int, int], width: int) -> None:
    left, top, right, bottom = (round(value) for value in box)
    for tone, thickness in (((0, 0, 0), width + 2), (colour, width)):  # dark edge: seen on white
        cv2.rectangle(image_HWC, (left, top), (right, bottom), tone, thickness, cv2.LINE_AA)


def _outside(box: Box, x: float, y: float) -> float:
    """Return the distance of a point from a box, 0 within it."""
    left, top, right, bottom = box
    return max(left - x, x - right, top - y, y - bottom, 0.0)


def _side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])
