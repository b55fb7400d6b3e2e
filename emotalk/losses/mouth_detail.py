"""Compute the error of how much fine detail there is around the mouth, wherever it lies."""

from torch import Tensor
from torch.nn.functional import pad

from emotalk.losses.checks import check_alike, check_floats
from emotalk.losses.mouth_region import check_weights
from emotalk.losses.windows import window_means, window_roots


def mouth_detail_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's local contrast - real's local contrast| (B,), at least 0.

    Local contrast is the root of the mean squared difference between neighbouring pixels, in
    windows of `WINDOW` x `WINDOW` pixels without overlap. An absolute error of pixels is least for
    the median of all pictures that fit the speech, which is blurred: an edge a pixel beside the
    true one costs twice as much as none. Its contrast costs nothing here, for the window holds it.

    Args:
        fake_BTCHW: generated frames in [-1, 1]; height and width are multiples of `WINDOW`.
        real_BTCHW: true frames in [-1, 1].
        weights_BTHW: `mouth_region_weights`; constants, no gradient flows into them.

    Source: ours, after the image gradient difference loss (Mathieu, Couprie and LeCun 2016, eq. 6),
    which compares pixel by pixel.
    """
    check_floats(fake_BTCHW, "B T C H W", "fake_BTCHW")
    check_alike(fake_BTCHW, real_BTCHW, ("fake_BTCHW", "real_BTCHW"))
    check_weights(fake_BTCHW, weights_BTHW)
    difference_BTYX = (_local_contrast(fake_BTCHW) - _local_contrast(real_BTCHW)).abs()
    weights_BTYX = window_means(weights_BTHW.detach())
    return (difference_BTYX * weights_BTYX).mean(dim=(1, 2, 3))


def _local_contrast(video_BTCHW: Tensor) -> Tensor:
    """Return the root mean square over colours and pixels of each window, (B, T, rows, columns)."""
    right = (video_BTCHW[..., :-1, 1:] - video_BTCHW[..., :-1, :-1]).square()
    down = (video_BTCHW[..., 1:, :-1] - video_BTCHW[..., :-1, :-1]).square()
    energy_BTHW = pad((right + down).mean(dim=2), (0, 1, 0, 1))
    return window_roots(energy_BTHW)
