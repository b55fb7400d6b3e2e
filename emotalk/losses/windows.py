"""Compute means and root mean squares over square windows of a picture, side by side.

A loss of these values does not depend on where in its window a detail lies.
"""

from torch import Tensor
from torch.nn.functional import avg_pool2d

WINDOW = 4  # pixels; about the width of a tooth, or of the border of a lip, in a crop
_LEAST_ENERGY = 1e-4  # added to the mean square, because the root has no finite slope at 0


def window_means(picture: Tensor) -> Tensor:
    """Return the mean of each window of `WINDOW` x `WINDOW` pixels, (..., rows, columns).

    Args:
        picture: (..., H, W), three or four axes; pixels beyond the last whole window are left out.
    """
    return avg_pool2d(picture, WINDOW)


def window_roots(energy: Tensor) -> Tensor:
    """Return each window's root mean square, (..., rows, columns), at least 0.01.

    The mean square is increased by 1e-4, so that the gradient is finite where the picture is 0.

    Args:
        energy: (..., H, W), squares of values in [-1, 1], or of their differences.
    """
    return (window_means(energy) + _LEAST_ENERGY).sqrt()
