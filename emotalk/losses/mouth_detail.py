"""Compute the error of the amount of fine detail around the mouth."""

from torch import Tensor
from torch.nn.functional import pad

from emotalk.losses.checks import check_alike, check_floats
from emotalk.losses.mouth_region import check_weights
from emotalk.losses.windows import window_means, window_roots


def mouth_detail_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's local contrast - real's local contrast| (B,), at least 0.

    Local contrast is the root of the mean squared difference between neighbouring pixels, in
    windows of `WINDOW` x `WINDOW` pixels without overlap. An edge that lies a pixel beside the true
    one has the same contrast, as long as both lie in one window.

    The L1 loss of frames alone blurs: many pictures fit the speech, it is least for their median,
    and an edge beside the true one costs it twice as much as no edge.

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
