"""Compute PSNR and SSIM of bytes frame by frame on the CPU, near its caches.

`emotalk.metrics.image` has the same measures as tensors, on any device and with gradients. There
every step writes a whole video to memory, which takes many times as long on a CPU.

SSIM is computed from the difference d = x - y to the true frame y. With mean M and variance V over
a window, equation 13 of Wang et al. 2004 is a product of two quotients:

    structure = s / (s + V(d) / 2)    s = M(xy) - M(x) M(y) + C2 / 2
    luminance = l / (l + M(d)^2)      l = 2 M(x) M(y) + C1

Frames that are nearly equal so keep their digits. Two thirds of the work are three blurs: of x, xy
and d^2. A level is taken off x and y first: what is multiplied then keeps its digits and fits 16
bits, which OpenCV's separable filter reads faster than floats. Matrix products of bands and a
depthwise convolution in its place, and PyTorch's operations after it, do not take less time.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from emotalk.metrics.image import SSIM_C1, SSIM_C2, SSIM_RADIUS, gaussian_window
from emotalk.schema import Bytes, Doubles, Floats, check_shape

Shorts: TypeAlias = NDArray[np.int16]

RANGE = 255  # of bytes
C1, C2 = SSIM_C1 * RANGE**2, SSIM_C2 * RANGE**2
INSIDE = slice(SSIM_RADIUS, -SSIM_RADIUS)  # rows or columns of whole windows
WINDOW = np.asarray(gaussian_window(), np.float32)[:, None]
LEVELS = (74, 181)  # bytes less one of these levels have products within 16 bits


class _TrueFrame(NamedTuple):
    """Hold a true frame's part of all comparisons with it; maps of its whole windows."""

    level: np.int16
    shifted_HWC: Shorts  # y - level
    mean_HWC: Floats  # M(y) - level
    light_HWC: Floats  # M(y) + C1 / (2 level)


class _Similarity:
    """Computes sums of SSIM over the whole windows of frames of one size, in memory of its own."""

    def __init__(self, truth_THWC: Bytes) -> None:
        self._shorts = np.empty((2, *truth_THWC.shape[1:]), np.int16)
        self._maps = np.empty((4, *truth_THWC.shape[1:]), np.float32)

    def prepare(self, frame_HWC: Bytes) -> _TrueFrame:
        """Return the part of a true frame."""
        level = np.int16(np.clip(round(_total(frame_HWC) / frame_HWC.size), *LEVELS))
        shifted = np.subtract(frame_HWC, level, dtype=np.int16)
        mean = _blur(shifted, np.empty(shifted.shape, np.float32))
        return _TrueFrame(level, shifted, mean, mean + np.float32(level + C1 / (2 * float(level))))

    def total(self, frame_HWC: Bytes, true: _TrueFrame) -> float:
        """Return the sum over windows and channels."""
        level, (shifted, short), maps = float(true.level), self._shorts, self._maps
        np.subtract(frame_HWC, true.level, out=shifted, dtype=np.int16)
        mean = _blur(shifted, maps[0])
        product = np.multiply(shifted, true.shifted_HWC, out=short)
        structure = _blur(product, maps[1], plus=C2 / 2)
        np.copyto(maps[2], np.subtract(shifted, true.shifted_HWC, out=short))
        variance = _blur(np.square(maps[2], out=maps[2]), maps[2])

        means = np.multiply(mean, true.mean_HWC, out=maps[3][INSIDE])
        structure -= means
        light = cv2.scaleAdd(means, 1 / level, mean, dst=means)
        light += true.light_HWC  # l / (2 level)
        mean -= true.mean_HWC
        squared = np.square(mean, out=mean)
        variance -= squared
        structures = cv2.scaleAdd(variance, 0.5, structure, dst=variance)
        lights = cv2.scaleAdd(squared, 0.5 / level, light, dst=squared)
        structure *= light
        structures *= lights
        structure /= structures
        return _total(structure[:, INSIDE])


def frame_psnr(videos: Sequence[Bytes], truth_THWC: Bytes) -> Doubles:
    """Return the PSNR in dB of several videos with one true video, (videos,).

    As `emotalk.metrics.image.psnr`: the error is averaged over all frames before the logarithm. All
    are RGB bytes (T, H, W, C) of one size.

    Raises:
        ValueError: shapes differ, or a video is not of bytes.
    """
    _check(videos, truth_THWC)
    errors = np.zeros(len(videos))
    for place, frame_HWC in enumerate(truth_THWC):
        for row, video_THWC in enumerate(videos):
            errors[row] += cv2.norm(video_THWC[place], frame_HWC, cv2.NORM_L2SQR)
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(errors / truth_THWC.size / RANGE**2))


def frame_ssim(videos: Sequence[Bytes], truth_THWC: Bytes) -> Doubles:
    """Return the mean structural similarity of several videos with one true video, (videos,).

    All are RGB bytes (T, H, W, C) of one size, at least 11 x 11 pixels. Window, constants and means
    are those of `emotalk.metrics.image.ssim`. What depends on the true frame alone is computed once
    for all videos.

    Raises:
        ValueError: shapes differ, or a video is not of bytes.
    """
    _check(videos, truth_THWC)
    similarity = _Similarity(truth_THWC)
    sums = np.zeros(len(videos))
    for place, frame_HWC in enumerate(truth_THWC):
        true = similarity.prepare(frame_HWC)
        for row, video_THWC in enumerate(videos):
            sums[row] += similarity.total(video_THWC[place], true)
    frames, height, width, channels = truth_THWC.shape
    windows = (height - 2 * SSIM_RADIUS) * (width - 2 * SSIM_RADIUS)
    return np.asarray(sums / (frames * windows * channels))


def _check(videos: Sequence[Bytes], truth_THWC: Bytes) -> None:
    sizes = check_shape(truth_THWC, "T H W C", "true video")
    for video_THWC in videos:
        check_shape(video_THWC, " ".join(map(str, sizes.values())), "video")
    for name, video_THWC in [("true video", truth_THWC), *(("video", video) for video in videos)]:
        if video_THWC.dtype != np.uint8:
            raise ValueError(f"{name}: {video_THWC.dtype}; bytes (uint8) in [0, 255] are compared")


def _blur(image_HWC: Bytes | Shorts | Floats, out: Floats, *, plus: float = 0.0) -> Floats:
    """Return the Gaussian means, more by `plus`, of the rows of whole windows.

    Windows at the sides are not whole. `image_HWC` and `out` may be one.
    """
    cv2.sepFilter2D(
        image_HWC, cv2.CV_32F, WINDOW, WINDOW, dst=out, delta=plus, borderType=cv2.BORDER_REPLICATE
    )
    rows: Floats = out[INSIDE]
    return rows


def _total(image_HWC: Bytes | Floats) -> float:
    """Return the sum of up to four channels, in doubles."""
    return float(sum(cv2.sumElems(image_HWC)))
