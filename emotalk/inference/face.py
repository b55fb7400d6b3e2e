"""The one face of a picture, cut out as the ETL cuts clips."""

import dataclasses
import logging
from pathlib import Path

import numpy as np

from emotalk.errors import WrongUse
from emotalk.faces.align import align_image, scale_of
from emotalk.faces.landmarks import FaceLandmarks, LandmarkFinder
from emotalk.media.image import read_image
from emotalk.schema import SIZE, Bytes, Doubles

LARGEST = "largest"
BLURRED_SCALE = 2.0  # a face enlarged more than this looks soft
SURROUNDINGS = (0.6, 0.3, 0.1)  # of a face's box, kept around it when it is looked at alone

logger = logging.getLogger(__name__)


def read_face(path: Path, finder: LandmarkFinder, *, choice: str | None = None) -> Bytes:
    """Return the aligned crop of the picture's face, uint8 RGB (3, 128, 128).

    Args:
        path: a picture of any kind.
        finder: finds faces and landmarks.
        choice: which of several faces: `largest`, or a number from 0 in order of size. None
            demands that there is only one.

    Raises:
        WrongUse: the picture cannot be read, shows no face, or several and none was chosen.
    """
    image_HWC = read_image(path)
    found = finder.find([image_HWC])[0]
    if not found.count:
        raise WrongUse(
            f"{path}: no face was found in this picture of {_size(image_HWC)}; give one with an "
            "upright face that looks at the camera, or --landmarks aligned if it already is an "
            f"aligned {SIZE} x {SIZE} crop"
        )
    index = _chosen(path, found, choice)
    if index:
        found = _look_at(path, image_HWC, found.boxes[index], finder)
    assert found.landmarks_LP is not None, "a found face has landmarks"
    crop_HWC, _, transform = align_image(image_HWC, found.landmarks_LP)
    if scale_of(transform) > BLURRED_SCALE:
        logger.warning(
            "%s: the face is small and was enlarged %.1f times, so the video will look soft",
            path,
            scale_of(transform),
        )
    return np.ascontiguousarray(crop_HWC.transpose(2, 0, 1))


def read_aligned(path: Path) -> Bytes:
    """Return a picture that is an aligned crop already, uint8 RGB (3, 128, 128).

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


def _chosen(path: Path, found: FaceLandmarks, choice: str | None) -> int:
    if choice is None and found.count > 1:
        raise WrongUse(
            f"{path}: {found.count} faces were found ({_boxes(found)}); choose one: "
            f"--face {LARGEST} or --face NUMBER; or cut the picture"
        )
    if choice is None or choice == LARGEST:
        return 0
    if not choice.isdigit() or int(choice) >= found.count:
        raise WrongUse(
            f"--face {choice}: {path} has {found.count} face(s): {_boxes(found)}; allowed are "
            f"{LARGEST} and 0 to {found.count - 1}"
        )
    return int(choice)


def _look_at(path: Path, image_HWC: Bytes, box: Doubles, finder: LandmarkFinder) -> FaceLandmarks:
    """Return what is found in the surroundings of one face's box, in the whole picture's pixels.

    A back end gives landmarks of the largest face alone, so the others are cut out; more tightly
    where a larger neighbour still shows.
    """
    height, width = image_HWC.shape[:2]
    limits = (width, height, width, height)
    for share in SURROUNDINGS:
        reach = share * np.tile(box[2:] - box[:2], 2) * (-1, -1, 1, 1)
        left, top, right, bottom = np.clip(np.rint(box + reach), 0, limits).astype(int)
        found = finder.find([np.ascontiguousarray(image_HWC[top:bottom, left:right])])[0]
        if found.landmarks_LP is None:
            continue
        landmarks_LP = found.landmarks_LP + np.array([left, top], np.float32)
        middle = landmarks_LP.mean(0)
        if (box[:2] < middle).all() and (middle < box[2:]).all():
            return dataclasses.replace(found, landmarks_LP=landmarks_LP)
    raise WrongUse(f"{path}: the chosen face is not found when looked at alone; cut the picture")


def _boxes(found: FaceLandmarks) -> str:
    corners = [tuple(int(value) for value in np.rint(box)) for box in found.boxes]
    return "; ".join(f"{i}: x {a}-{c}, y {b}-{d}" for i, (a, b, c, d) in enumerate(corners))


def _size(image_HWC: Bytes) -> str:
    return f"{image_HWC.shape[1]} x {image_HWC.shape[0]} pixels"
