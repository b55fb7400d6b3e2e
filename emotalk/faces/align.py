"""Align faces: map a frame to the 128 x 128 crop by a similarity of three points.

Pixel convention: whole numbers are pixel centres, in frames, crops, landmarks and transforms.
"""

import math

import cv2
import numpy as np

from emotalk.faces.shape import similarity, transform_points
from emotalk.faces.template import template_LP
from emotalk.schema import LANDMARKS, SIZE, Bytes, Doubles, Floats, check_shape

LEFT_EYE = (39, 40)
RIGHT_EYE = (42, 47)
NOSE = tuple(range(30, 36))


def three_points(landmarks_LP: Doubles | Floats) -> Doubles:
    """Return left eye, right eye and nose (3, 2): means of landmarks {39,40}, {42,47}, {30..35}.

    Source: the public code of Eskimez et al. 2021, whose weights expect this alignment.
    """
    check_shape(landmarks_LP, f"{LANDMARKS} 2", "landmarks")
    points = np.asarray(landmarks_LP, np.float64)
    return np.stack([points[list(group)].mean(0) for group in (LEFT_EYE, RIGHT_EYE, NOSE)])


def alignment(landmarks_LP: Doubles | Floats) -> Doubles:
    """Return the 2x3 similarity from frame pixels to crop pixels, by the three points.

    Raises:
        ValueError: the landmarks are not finite or fall on one point.
    """
    return similarity(three_points(landmarks_LP), three_points(template_LP()))


def scale_of(transform: Doubles) -> float:
    """Return the scale of a similarity: crop pixels per frame pixel."""
    return float(math.hypot(transform[0, 0], transform[1, 0]))


def warp(frame_HWC: Bytes, transform: Doubles) -> Bytes:
    """Return the frame (H, W, 3) warped by a 2x3 similarity to the crop (128, 128, 3), uint8.

    A face that is enlarged is interpolated cubically. A face that shrinks is sampled on a grid
    finer than the source's and averaged over each pixel's area, which avoids aliasing. Border
    pixels are repeated beyond the frame.
    """
    fine = max(1, math.ceil(1 / scale_of(transform) - 1e-9))
    to_fine = fine * transform
    to_fine[:, 2] += (fine - 1) / 2  # the centre of a pixel is the middle of its fine samples
    sampled = cv2.warpAffine(
        frame_HWC,
        to_fine,
        (SIZE * fine, SIZE * fine),
        flags=cv2.INTER_CUBIC if fine == 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if fine > 1:
        sampled = cv2.resize(sampled, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(sampled, np.uint8)


def align_image(image_HWC: Bytes, landmarks_LP: Doubles | Floats) -> tuple[Bytes, Floats, Doubles]:
    """Return an image's aligned crop, its landmarks in crop pixels, and the transform."""
    transform = alignment(landmarks_LP)
    landmarks = transform_points(transform, np.asarray(landmarks_LP, np.float64))
    return warp(image_HWC, transform), landmarks.astype(np.float32), transform
