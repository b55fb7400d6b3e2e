"""Compute PSNR and SSIM frame by frame on the CPU, within the processor's cache.

`emotalk.metrics.image` has the same measures as tensors, on any device and with gradients. There
every step writes a whole video to memory, which takes seven times as long on a CPU.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from emotalk.metrics.image import SSIM_C1, SSIM_C2, SSIM_RADIUS, gaussian_window
from emotalk.schema import Doubles, Floats, check_shape

TWO = np.float32(2)
C1, C2 = np.float32(SSIM_C1), np.float32(SSIM_C2)


class _TrueFrame(NamedTuple):
    """Holds a true frame's part of all comparisons with it; maps of its whole windows."""

    level: np.float32  # mean, taken off before squaring so that small variances keep their digits
    shifted_HWC: Floats
    square_HWC: Floats
    mean_HWC: Floats  # of the shifted frame
    mean_square_HWC: Floats  # square of that mean
    light_HWC: Floats  # mean of the frame itself
    light_square_HWC: Floats


def frame_psnr(videos: Sequence[Floats], truth_THWC: Floats) -> Doubles:
    """Return the PSNR in dB of several videos with one true video, (videos,).

    As `emotalk.metrics.image.psnr`: the error is averaged over all frames before the logarithm. All
    are float RGB in [0, 1], (T, H, W, C) of one size.

    Raises:
        ValueError: shapes differ.
    """
    _check(videos, truth_THWC)
    errors = np.zeros(len(videos))
    for place, frame_HWC in enumerate(truth_THWC):
        for row, video_THWC in enumerate(videos):
            errors[row] += cv2.norm(video_THWC[place], frame_HWC, cv2.NORM_L2SQR)
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(errors / truth_THWC.size))


def frame_ssim(videos: Sequence[Floats], truth_THWC: Floats) -> Doubles:
    """Return the mean structural similarity of several videos with one true video, (videos,).

    All are float RGB in [0, 1], (T, H, W, C) of one size, at least 11 x 11 pixels. Window,
    constants and means are those of `emotalk.metrics.image.ssim`. What depends on the true frame
    alone is computed once for all videos.

    Raises:
        ValueError: shapes differ.
    """
    _check(videos, truth_THWC)
    sums = np.zeros(len(videos))
    for place, frame_HWC in enumerate(truth_THWC):
        true = _prepare(frame_HWC)
        for row, video_THWC in enumerate(videos):
            sums[row] += _similarity(video_THWC[place], true)
    return np.asarray(sums / len(truth_THWC))


def _check(videos: Sequence[Floats], truth_THWC: Floats) -> None:
    sizes = check_shape(truth_THWC, "T H W C", "true video")
    for video_THWC in videos:
        check_shape(video_THWC, " ".join(map(str, sizes.values())), "video")


def _prepare(frame_HWC: Floats) -> _TrueFrame:
    level = frame_HWC.mean()
    shifted = frame_HWC - level
    square = shifted * shifted
    mean = _blur(shifted)
    light = mean + level
    return _TrueFrame(level, shifted, square, mean, mean * mean, light, light * light)


def _similarity(frame_HWC: Floats, true: _TrueFrame) -> float:
    """Return the mean over windows and channels of equation 13 of Wang et al. 2004."""
    shifted = frame_HWC - true.level
    product = shifted * true.shifted_HWC
    mean = _blur(shifted)
    shifted *= shifted
    shifted += true.square_HWC
    squares, products = _blur(shifted), _blur(product)  # the variances are needed as a sum only
    products -= mean * true.mean_HWC
    products *= TWO
    products += C2
    squares -= true.mean_square_HWC
    squares -= mean * mean
    squares += C2
    mean += true.level
    light = mean * true.light_HWC
    light *= TWO
    light += C1
    mean *= mean
    mean += true.light_square_HWC
    mean += C1
    products *= light
    squares *= mean
    products /= squares
    return float(products.mean(dtype=np.float64))


def _blur(image_HWC: Floats) -> Floats:
    """Return the Gaussian means of all whole windows."""
    blurred = cv2.sepFilter2D(image_HWC, -1, WINDOW, WINDOW, borderType=cv2.BORDER_REPLICATE)
    inside = slice(SSIM_RADIUS, -SSIM_RADIUS)
    return np.ascontiguousarray(blurred[inside, inside])


WINDOW = np.asarray(gaussian_window(), np.float32)[:, None]
