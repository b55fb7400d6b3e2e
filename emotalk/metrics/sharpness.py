"""Measure fine detail of pictures, and flicker of videos."""

import math

from torch import Tensor

from emotalk.schema import check_shape

LUMA = (0.299, 0.587, 0.114)  # weights of R, G, B (ITU-R BT.601)


def detail(video_BTCHW: Tensor) -> Tensor:
    """Return the root mean square of the luma's Laplacian over each clip, (B,), in grey levels.

    The Laplacian is the sum of the four neighbours less four times the pixel. Blur lowers it, noise
    and blocks raise it. The video is float RGB in [0, 1], at least 3 x 3 pixels.
    """
    luma_BTHW = _luma(video_BTCHW)
    middle = luma_BTHW[..., 1:-1, 1:-1]
    around = luma_BTHW[..., :-2, 1:-1] + luma_BTHW[..., 2:, 1:-1]
    around = around + luma_BTHW[..., 1:-1, :-2] + luma_BTHW[..., 1:-1, 2:]
    return (around - 4 * middle).square().flatten(1).mean(1).sqrt() * 255


def relative_sharpness(video_BTCHW: Tensor, truth_BTCHW: Tensor) -> Tensor:
    """Return the `detail` of each clip over that of the true one, (B,).

    1: as sharp; below 1: blurred; above: noisy, or sharpened. NaN or infinite for a truth without
    any detail.
    """
    return detail(video_BTCHW) / detail(truth_BTCHW)


def flicker(video_BTCHW: Tensor) -> Tensor:
    """Return how much pixels tremble from frame to frame, (B,), in grey levels.

    It is the root mean square of the luma's second difference in time over the root of 6. Noise
    that is new in every frame gives its own standard deviation; smooth motion gives little. NaN
    with fewer than three frames. The video is float RGB in [0, 1].
    """
    luma_BTHW = _luma(video_BTCHW)
    bend = luma_BTHW[:, 2:] - 2 * luma_BTHW[:, 1:-1] + luma_BTHW[:, :-2]
    return bend.square().flatten(1).mean(1).sqrt() * (255 / math.sqrt(6))


def _luma(video_BTCHW: Tensor) -> Tensor:
    check_shape(video_BTCHW, "B T 3 H W", "video")
    red, green, blue = video_BTCHW.unbind(2)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
