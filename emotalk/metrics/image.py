"""Compute PSNR and SSIM of two videos, and crop their mouths."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from emotalk.schema import MOUTH, check_shape

MOUTH_CROP_HW = (40, 48)
"""Height and width of the mouth crop in pixels. The template's mouth is 28 px wide; the margin
holds a wide smile, an open jaw and the chin."""

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5  # an 11 x 11 window
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2  # (K1 L)^2, (K2 L)^2 with data range L = 1


def psnr(video_BTCHW: Tensor, truth_BTCHW: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each clip in dB, (B,); infinite for equal clips.

    The squared error is averaged over all frames before the logarithm, so that one perfect frame,
    such as the condition frame, does not make the clip's figure infinite. Both videos are float RGB
    in [0, 1].

    Raises:
        ValueError: shapes differ, or a tensor is not floating point.
    """
    _check_pair(video_BTCHW, truth_BTCHW)
    error_B = (video_BTCHW - truth_BTCHW).square().flatten(1).mean(1)
    return -10.0 * torch.log10(error_B)


def ssim(video_BTCHW: Tensor, truth_BTCHW: Tensor) -> Tensor:
    """Return the structural similarity of each clip, (B,), 1 for equal clips.

    Gaussian window 11 x 11, sigma 1.5, K1 0.01, K2 0.03, data range 1, biased covariance; only
    windows wholly inside the frame; mean over windows, channels and frames. Equal to
    scikit-image's with `gaussian_weights=True, use_sample_covariance=False, data_range=1`.
    Differentiable. Both videos are float RGB in [0, 1], at least 11 x 11 pixels.

    Raises:
        ValueError: shapes differ, frames are too small, or a tensor is not floating point.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004, equation 13.
    """
    _check_pair(video_BTCHW, truth_BTCHW)
    if min(video_BTCHW.shape[-2:]) < 2 * SSIM_RADIUS + 1:
        raise ValueError(f"ssim: frames of {tuple(video_BTCHW.shape[-2:])} px, at least 11 x 11")
    x, y = video_BTCHW, truth_BTCHW
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x.square()
    variance_y = _blur(y * y) - mean_y.square()
    covariance = _blur(x * y) - mean_x * mean_y
    structure = (2 * covariance + SSIM_C2) / (variance_x + variance_y + SSIM_C2)
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x.square() + mean_y.square() + SSIM_C1)
    return (structure * luminance).flatten(1).mean(1)


def crop_mouth(video_BTCHW: Tensor, truth_landmarks_BTLP: Tensor) -> Tensor:
    """Return the part of each frame around the TRUE mouth, (B, T, C, 40, 48).

    The centre is the rounded mean of the true landmarks 48..67 of the frame, moved inward where the
    crop would leave the frame. The size is fixed, so that figures of clips can be compared.
    """
    sizes = check_shape(video_BTCHW, "B T C H W", "crop_mouth video")
    check_shape(truth_landmarks_BTLP, f"{sizes['B']} {sizes['T']} 68 2", "crop_mouth landmarks")
    height, width = MOUTH_CROP_HW
    centre_BTP = truth_landmarks_BTLP[:, :, MOUTH].float().mean(2).to(video_BTCHW.device)
    left_BT = _corner(centre_BTP[..., 0], width, sizes["W"])
    top_BT = _corner(centre_BTP[..., 1], height, sizes["H"])
    device = video_BTCHW.device
    rows = top_BT[..., None, None] + torch.arange(height, device=device)[:, None]
    columns = left_BT[..., None, None] + torch.arange(width, device=device)
    clip = torch.arange(sizes["B"], device=device)[:, None, None, None]
    frame = torch.arange(sizes["T"], device=device)[None, :, None, None]
    return video_BTCHW.permute(0, 1, 3, 4, 2)[clip, frame, rows, columns].permute(0, 1, 4, 2, 3)


def _corner(centre_BT: Tensor, size: int, limit: int) -> Tensor:
    return (centre_BT - (size - 1) / 2).round().long().clamp(0, limit - size)


def _check_pair(video_BTCHW: Tensor, truth_BTCHW: Tensor) -> None:
    sizes = check_shape(video_BTCHW, "B T C H W", "video")
    check_shape(truth_BTCHW, " ".join(str(size) for size in sizes.values()), "true video")
    for tensor in (video_BTCHW, truth_BTCHW):
        if not tensor.is_floating_point():
            raise ValueError(f"image metrics take float RGB in [0, 1], got {tensor.dtype}")


def _blur(images: Tensor) -> Tensor:
    """Return the Gaussian means of all whole windows, by one matrix product along each axis."""
    height, width = images.shape[-2:]
    down = _window_matrix(height).to(images)
    across = _window_matrix(width).to(images)
    return down @ images @ across.T


@lru_cache(maxsize=16)
def _window_matrix(size: int) -> Tensor:
    """Return the (size - 10, size) matrix whose rows are the shifted Gaussian window."""
    window = torch.tensor(gaussian_window(), dtype=torch.float64)
    matrix = torch.zeros(size - 2 * SSIM_RADIUS, size, dtype=torch.float64)
    for row in range(len(matrix)):
        matrix[row, row : row + len(window)] = window
    return matrix


def gaussian_window() -> list[float]:
    """Return SSIM's Gaussian weights of one axis, 11 numbers of sum 1."""
    taps = [
        math.exp(-0.5 * (offset / SSIM_SIGMA) ** 2)
        for offset in range(-SSIM_RADIUS, SSIM_RADIUS + 1)
    ]
    return [tap / sum(taps) for tap in taps]
