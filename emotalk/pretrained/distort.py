"""Distort true frames as generated ones are: blur, noise, compression, colour, drift."""

import cv2
import numpy as np

from emotalk.schema import SIZE, Bytes, Floats

MIDDLE = (SIZE - 1) / 2


def distorted(
    crop_HWC: Bytes, landmarks_LP: Floats, generator: np.random.Generator
) -> tuple[Bytes, Floats]:
    """Return a crop as a generator or a codec might have left it, and its moved landmarks.

    Drift: turn up to 4 degrees, size +-5 %, shift +-4 px. Then, each by chance: another colour and
    brightness, a soft mouth or a soft picture (Gaussian, sigma to 2 px), noise, JPEG.

    Args:
        crop_HWC: uint8 RGB.
        landmarks_LP: pixels.
        generator: source of all draws.
    """
    transform = _drift(generator)
    crop = cv2.warpAffine(
        crop_HWC, transform, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    landmarks = (landmarks_LP @ transform[:, :2].T + transform[:, 2]).astype(np.float32)
    picture = _recoloured(crop.astype(np.float32), generator)
    if generator.random() < 0.6:
        picture = _softened(picture, landmarks, generator)
    if generator.random() < 0.5:
        level = generator.uniform(1.0, 9.0)
        picture = picture + generator.standard_normal(picture.shape, np.float32) * level
    crop = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    if generator.random() < 0.4:
        crop = _compressed(crop, int(generator.integers(25, 90)))
    return np.asarray(crop, np.uint8), landmarks


def _drift(generator: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    turn_deg, size = generator.uniform(-4, 4), generator.uniform(0.95, 1.05)
    transform = cv2.getRotationMatrix2D((MIDDLE, MIDDLE), turn_deg, size)
    transform[:, 2] += generator.uniform(-4, 4, 2)
    return np.asarray(transform, np.float64)


def _recoloured(picture_HWC: Floats, generator: np.random.Generator) -> Floats:
    """Mix colour with grey, change contrast and gain of each channel and add a shift."""
    grey = picture_HWC.mean(2, keepdims=True)
    colourful = generator.uniform(0.0, 1.4)
    gain = generator.uniform(0.75, 1.25) * generator.uniform(0.9, 1.1, 3)
    mixed = grey + (picture_HWC - grey) * colourful
    return np.asarray(mixed * gain + generator.uniform(-20, 20), np.float32)


def _softened(picture_HWC: Floats, landmarks: Floats, generator: np.random.Generator) -> Floats:
    """Blur the whole picture, or the mouth alone as generators do."""
    soft = cv2.GaussianBlur(picture_HWC, (0, 0), generator.uniform(0.4, 2.0))
    if generator.random() < 0.6:
        return np.asarray(soft, np.float32)
    x, y = landmarks[48:].mean(0)
    across = np.exp(-0.5 * ((np.arange(SIZE) - x) / 16) ** 2)
    down = np.exp(-0.5 * ((np.arange(SIZE) - y) / 13) ** 2)
    share = np.minimum(1.4 * down[:, None] * across, 1)[..., None]
    return np.asarray(picture_HWC + (soft - picture_HWC) * share, np.float32)


def _compressed(crop_HWC: Bytes, quality: int) -> Bytes:
    _, data = cv2.imencode(".jpg", crop_HWC, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
