"""Distort true crops so that they resemble generated ones: blur, noise, JPEG, colour, drift."""

import cv2
import numpy as np

from emotalk.schema import SIZE, Bytes, Doubles, Floats

MIDDLE = (SIZE - 1) / 2


def distort(
    crop_HWC: Bytes, landmarks_LP: Floats, generator: np.random.Generator
) -> tuple[Bytes, Floats]:
    """Return a randomly distorted crop and its landmarks.

    The crop is rotated by up to 4 degrees, scaled by up to 5 % and shifted by up to 4 px, and its
    colour and brightness change. With a probability each follow blur of the picture or the mouth
    (Gaussian, sigma up to 2 px), noise and JPEG.
    """
    transform = _random_similarity(generator)
    crop = cv2.warpAffine(
        crop_HWC, transform, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    landmarks = (landmarks_LP @ transform[:, :2].T + transform[:, 2]).astype(np.float32)
    picture = _change_colour(crop.astype(np.float32), generator)
    if generator.random() < 0.6:
        picture = _blur(picture, landmarks, generator)
    if generator.random() < 0.5:
        level = generator.uniform(1.0, 9.0)
        picture = picture + generator.standard_normal(picture.shape, np.float32) * level
    crop = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    if generator.random() < 0.4:
        crop = _compress(crop, int(generator.integers(25, 90)))
    return np.asarray(crop, np.uint8), landmarks


def _random_similarity(generator: np.random.Generator) -> Doubles:
    turn_deg, size = generator.uniform(-4, 4), generator.uniform(0.95, 1.05)
    transform = cv2.getRotationMatrix2D((MIDDLE, MIDDLE), turn_deg, size)
    transform[:, 2] += generator.uniform(-4, 4, 2)
    return np.asarray(transform, np.float64)


def _change_colour(picture_HWC: Floats, generator: np.random.Generator) -> Floats:
    """Return the picture with another saturation, gain of each channel and brightness."""
    grey = picture_HWC.mean(2, keepdims=True)
    colourful = generator.uniform(0.0, 1.4)
    gain = generator.uniform(0.75, 1.25) * generator.uniform(0.9, 1.1, 3)
    mixed = grey + (picture_HWC - grey) * colourful
    return np.asarray(mixed * gain + generator.uniform(-20, 20), np.float32)


def _blur(picture_HWC: Floats, landmarks: Floats, generator: np.random.Generator) -> Floats:
    """Return the picture blurred as a whole, or around the mouth as generated pictures are."""
    soft = cv2.GaussianBlur(picture_HWC, (0, 0), generator.uniform(0.4, 2.0))
    if generator.random() < 0.6:
        return np.asarray(soft, np.float32)
    x, y = landmarks[48:].mean(0)
    across = np.exp(-0.5 * ((np.arange(SIZE) - x) / 16) ** 2)
    down = np.exp(-0.5 * ((np.arange(SIZE) - y) / 13) ** 2)
    share = np.minimum(1.4 * down[:, None] * across, 1)[..., None]
    return np.asarray(picture_HWC + (soft - picture_HWC) * share, np.float32)


def _compress(crop_HWC: Bytes, quality: int) -> Bytes:
    _, data = cv2.imencode(".jpg", crop_HWC, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
