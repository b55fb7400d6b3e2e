"""Compute PSNR and SSIM frame by frame on the CPU, near its caches.

`emotalk.metrics.image` has the same measures as tensors, on any device and with gradients. There
every step writes a whole video to memory, which takes many times as long on a CPU.

SSIM is computed from the difference d = x - y to the true frame y, of which two thirds of the work
are three blurs. They cost the same as OpenCV's separable filter, as two matrix products of bands
and as a depthwise convolution; the first needs no other layout of the frames. With mean M and
variance V over a window, equation 13 of Wang et al. 2004 is a product of two quotients:

    structure = s / (s + V(d) / 2)    s = V(y) + M(dy) - M(d) M(y) + C2 / 2
    luminance = l / (l + M(d)^2)      l = 2 M(x) M(y) + C1

Frames that are nearly equal so keep their digits.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np

from emotalk.metrics.image import SSIM_C1, SSIM_C2, SSIM_RADIUS, gaussian_window
from emotalk.schema import Bytes, Doubles, Floats, check_shape

Frames: TypeAlias = Bytes | Floats
"""RGB frames (T, H, W, C): bytes in [0, 255], which are never copied as floats, or float in [0, 1].
"""

INSIDE = slice(SSIM_RADIUS, -SSIM_RADIUS)  # rows or columns of whole windows
WINDOW = np.asarray(gaussian_window(), np.float32)[:, None]
MAPS = 6  # of work


class _TrueFrame(NamedTuple):
    """Holds a true frame's part of all comparisons with it; maps of its whole windows."""

    frame_HWC: Floats
    mean_HWC: Floats
    structure_HWC: Floats  # V(y) + C2 / 2
    light_HWC: Floats  # 2 M(y)^2 + C1


class _Similarity:
    """Computes sums of SSIM over the whole windows of frames of one size, in memory of its own."""

    def __init__(self, truth_THWC: Frames) -> None:
        self._work = np.empty((MAPS, *truth_THWC.shape[1:]), np.float32)
        self._c1 = np.float32(SSIM_C1 * data_range(truth_THWC) ** 2)
        self._c2 = np.float32(SSIM_C2 * data_range(truth_THWC) ** 2)

    def prepare(self, frame_HWC: Frames) -> _TrueFrame:
        """Return the part of a true frame."""
        y = frame_HWC.astype(np.float32)
        level = np.float32(_total(y) / y.size)  # off before squaring: small variances keep digits
        shifted = np.subtract(y, level, out=self._work[0])
        square = np.multiply(shifted, shifted, out=self._work[1])
        mean, structure = _blur(shifted, self._work[2]), _blur(square)
        structure += self._c2 / 2
        light = mean + level
        structure -= np.square(mean, out=mean)
        twice_square = 2 * light
        twice_square *= light
        twice_square += self._c1
        return _TrueFrame(y, light, structure, twice_square)

    def total(self, frame_HWC: Frames, true: _TrueFrame) -> float:
        """Return the sum over windows and channels."""
        work = self._work
        difference = np.subtract(frame_HWC, true.frame_HWC, out=work[0])
        square = np.multiply(difference, difference, out=work[1])
        product = np.multiply(difference, true.frame_HWC, out=work[2])
        mean = _blur(difference, work[3])
        variance, structure = _blur(square, work[4]), _blur(product, work[5])
        means = np.multiply(mean, true.mean_HWC, out=work[0][INSIDE])
        structure -= means
        structure += true.structure_HWC
        square_of_mean = np.square(mean, out=mean)
        variance -= square_of_mean
        structures = cv2.scaleAdd(variance, 0.5, structure, dst=variance)
        light = cv2.scaleAdd(means, 2.0, true.light_HWC, dst=means)
        square_of_mean += light
        structure *= light
        structures *= square_of_mean
        structure /= structures
        return _total(structure[:, INSIDE])


def data_range(frames: Frames) -> float:
    """Return the largest value of frames of this type: 255 of bytes, 1 of floats."""
    return 255.0 if frames.dtype == np.uint8 else 1.0


def frame_psnr(videos: Sequence[Frames], truth_THWC: Frames) -> Doubles:
    """Return the PSNR in dB of several videos with one true video, (videos,).

    As `emotalk.metrics.image.psnr`: the error is averaged over all frames before the logarithm. All
    are bytes, or all float RGB in [0, 1], (T, H, W, C) of one size.

    Raises:
        ValueError: shapes or types differ.
    """
    _check(videos, truth_THWC)
    errors = np.zeros(len(videos))
    for place, frame_HWC in enumerate(truth_THWC):
        for row, video_THWC in enumerate(videos):
            errors[row] += cv2.norm(video_THWC[place], frame_HWC, cv2.NORM_L2SQR)
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(errors / truth_THWC.size / data_range(truth_THWC) ** 2))


def frame_ssim(videos: Sequence[Frames], truth_THWC: Frames) -> Doubles:
    """Return the mean structural similarity of several videos with one true video, (videos,).

    All are bytes, or all float RGB in [0, 1], (T, H, W, C) of one size, at least 11 x 11 pixels.
    Window, constants and means are those of `emotalk.metrics.image.ssim`. What depends on the true
    frame alone is computed once for all videos.

    Raises:
        ValueError: shapes or types differ.
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


def _check(videos: Sequence[Frames], truth_THWC: Frames) -> None:
    sizes = check_shape(truth_THWC, "T H W C", "true video")
    for video_THWC in videos:
        check_shape(video_THWC, " ".join(map(str, sizes.values())), "video")
        if video_THWC.dtype != truth_THWC.dtype:
            raise ValueError(
                f"video: {video_THWC.dtype}, but the true video is {truth_THWC.dtype}; both must "
                "be bytes, or both float in [0, 1]"
            )


def _blur(image_HWC: Floats, out: Floats | None = None) -> Floats:
    """Return the Gaussian means of the rows of whole windows; those at the sides are not whole."""
    blurred = cv2.sepFilter2D(
        image_HWC, -1, WINDOW, WINDOW, dst=out, borderType=cv2.BORDER_REPLICATE
    )
    rows: Floats = blurred[INSIDE]
    return rows


def _total(image_HWC: Floats) -> float:
    """Return the sum of up to four channels, in doubles."""
    return float(sum(cv2.sumElems(image_HWC)))
