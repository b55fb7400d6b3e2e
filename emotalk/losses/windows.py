"""Compute means over the windows of a picture, which forgive where in a window something lies."""

from torch import Tensor
from torch.nn.functional import avg_pool2d

WINDOW = 4  # pixels: teeth and the border of a lip are as wide
_LEAST_ENERGY = 1e-4  # squared, of [-1, 1]: the root has no slope at 0


def window_means(picture: Tensor) -> Tensor:
    """Return the mean of each window of `WINDOW` x `WINDOW` pixels, (..., rows, columns).

    Args:
        picture: (..., H, W), three or four axes; pixels beyond the last whole window are left out.
    """
    return avg_pool2d(picture, WINDOW)


def window_roots(energy: Tensor) -> Tensor:
    """Return the root of each window's mean of squares, (..., rows, columns), with a slope at 0.

    Args:
        energy: (..., H, W), squares of values in [-1, 1], or of their differences.
    """
    return (window_means(energy) + _LEAST_ENERGY).sqrt()
