"""Read the face of a picture as an aligned crop, cut as the ETL cuts clips."""

import dataclasses
import logging
from pathlib import Path

import numpy as np

from emotalk.counted import counted
from emotalk.errors import WrongUse
from emotalk.faces.align import align_image, scale_of
from emotalk.faces.landmarks import FaceLandmarks, LandmarkDetector
from emotalk.faces.plausible import turn_name
from emotalk.faces.search import SearchResult, check_largest, search_faces, smallest_tile
from emotalk.faces.steadiness import crop_around
from emotalk.media.image import read_image
from emotalk.schema import SIZE, Bytes, Doubles, Floats

LARGEST = "largest"
ALIGNED = f"use --landmarks aligned if it already is an aligned {SIZE} x {SIZE} crop"  # advice
TILES_PER_FACE = 20  # a face of 16 of the detector's 320 pixels is found
SMALLEST_FACE = 16  # pixels; the detector sees small pictures enlarged, which adds no detail
BLURRED_SCALE = 2.0  # a face enlarged more than this looks soft
SURROUNDINGS = (0.6, 0.3, 0.1)  # of a face's box, kept on each side when it is detected alone

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FoundFace:
    """Hold a picture's face and where it is."""

    crop_CHW: Bytes  # aligned, uint8 RGB (3, 128, 128)
    picture_HWC: Bytes  # the whole picture, upright, uint8 RGB
    matrix_23: Doubles  # similarity from pixels of the picture to those of the crop
    landmarks_LP: Floats | None = None  # in crop pixels; None: not detected


def read_face(path: Path, detector: LandmarkDetector, *, choice: str | None = None) -> Bytes:
    """Return the aligned crop of the picture's face, uint8 RGB (3, 128, 128).

    See `find_face`, which also returns where the face is in the picture.
    """
    return find_face(path, read_image(path), detector, choice=choice).crop_CHW


def find_face(
    path: Path, picture_HWC: Bytes, detector: LandmarkDetector, *, choice: str | None = None
) -> FoundFace:
    """Return the face of a picture, as read from `path`, as an aligned crop, and where it is.

    The choice of several faces is `largest`, or a number from 0 in order of size. None requires
    that there is only one.

    Raises:
        WrongUse: the picture shows no face, a cut one, or several and none was chosen.
    """
    result = search_faces(picture_HWC, detector)
    image_HWC, found = result.image_HWC, result.found
    if not found.count:
        raise WrongUse(
            f"{path}: no face was found in this picture of {_size(image_HWC)}, in none of its four "
            f"turns; give one with a face of at least {_smallest(image_HWC)} pixels that looks at "
            f"the camera, cut the picture to the face if it is small in it, or {ALIGNED}"
        )
    index = _choose_index(path, found, choice)
    if index:
        result = _detect_alone(path, image_HWC, found.boxes[index], detector)
        found = result.found
    if result.fault is not None:
        raise WrongUse(
            f"{path}: a face was found, but cannot be used: {result.fault}; give a picture that "
            "shows the whole face, uncovered, and looking at the camera"
        )
    _warn_of_turn(path, result)
    assert found.landmarks_LP is not None, "a face without a fault has landmarks"
    crop_HWC, landmarks_LP, transform = align_image(image_HWC, found.landmarks_LP)
    if scale_of(transform) > BLURRED_SCALE:
        LOG.warning(
            "%s: the face is small and was enlarged %.1f times, so the video will look soft",
            path,
            scale_of(transform),
        )
    crop_CHW = np.ascontiguousarray(crop_HWC.transpose(2, 0, 1))
    return FoundFace(crop_CHW, result.image_HWC, transform, landmarks_LP)


def read_aligned(path: Path) -> Bytes:
    """Return a picture that already is an aligned crop, uint8 RGB (3, 128, 128).

    Raises:
        WrongUse: the picture cannot be read or is not 128 x 128.
    """
    image_HWC = read_image(path)
    if image_HWC.shape[:2] != (SIZE, SIZE):
        raise WrongUse(
            f"{path}: {_size(image_HWC)} is no aligned crop of {SIZE} x {SIZE} pixels; "
            "use --landmarks insightface or onnx to have the face found and aligned"
        )
    return np.ascontiguousarray(image_HWC.transpose(2, 0, 1))


def _choose_index(path: Path, found: FaceLandmarks, choice: str | None) -> int:
    if choice is None and found.count > 1:
        raise WrongUse(
            f"{path}: {found.count} faces were found ({_boxes(found)}); choose one: "
            f"--face {LARGEST} or --face NUMBER; or cut the picture"
        )
    if choice is None or choice == LARGEST:
        return 0
    if not choice.isdigit() or int(choice) >= found.count:
        raise WrongUse(
            f"--face {choice}: {path} has {counted(found.count, 'face')}: {_boxes(found)}; "
            f"allowed are {LARGEST} and 0 to {found.count - 1}"
        )
    return int(choice)


def _detect_alone(
    path: Path, image_HWC: Bytes, box: Doubles, detector: LandmarkDetector
) -> SearchResult:
    """Return the face in one box, in the whole picture's pixels.

    A back end returns landmarks of the largest face only. So other faces are detected in a crop of
    the picture, which is made tighter as long as a larger neighbour is found in it.
    """
    for share in SURROUNDINGS:
        crop_HWC, corner = crop_around(image_HWC, box, share)
        found = detector.detect([np.ascontiguousarray(crop_HWC)])[0]
        if found.landmarks_LP is None:
            continue
        landmarks_LP = found.landmarks_LP + corner.astype(np.float32)
        middle = landmarks_LP.mean(0)
        if (box[:2] < middle).all() and (middle < box[2:]).all():
            whole = dataclasses.replace(found, landmarks_LP=landmarks_LP, box=box)
            return check_largest(image_HWC, whole, detector)
    raise WrongUse(f"{path}: the chosen face is not found in a crop of its own; cut the picture")


def _warn_of_turn(path: Path, result: SearchResult) -> None:
    if result.quarter_turns:
        turned = dataclasses.replace(result.found, quarter_turns=result.quarter_turns)
        LOG.warning("%s: the picture was turned by %s to be upright", path, turn_name(turned))


def _smallest(image_HWC: Bytes) -> int:
    """Return the approximate size in pixels of the smallest face that is found in a picture."""
    return max(SMALLEST_FACE, -(-smallest_tile(image_HWC) // TILES_PER_FACE))


def _boxes(found: FaceLandmarks) -> str:
    corners = [tuple(int(value) for value in np.rint(box)) for box in found.boxes]
    return "; ".join(f"{i}: x {a}-{c}, y {b}-{d}" for i, (a, b, c, d) in enumerate(corners))


def _size(image_HWC: Bytes) -> str:
    return f"{image_HWC.shape[1]} x {image_HWC.shape[0]} pixels"
