"""Compute the error of how far the picture around the mouth moves, whenever it does."""

from torch import Tensor

from emotalk.losses.checks import check_alike, check_floats
from emotalk.losses.mouth_region import check_weights
from emotalk.losses.windows import window_means, window_roots


def mouth_amplitude_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's amplitude - real's amplitude| (B,), at least 0.

    Amplitude is the root mean square over time, colours and the pixels of a window
    (`window_roots`) of each pixel's difference from its own mean over time. An absolute error of
    frames is least for the median of all mouths that fit the speech, which moves less than any of
    them. Moving as far at another time costs nothing here.

    Args:
        fake_BTCHW: generated frames in [-1, 1]; height and width are multiples of `WINDOW`.
        real_BTCHW: true frames in [-1, 1].
        weights_BTHW: `mouth_region_weights`; constants, no gradient flows into them.

    Source: ours.
    """
    check_floats(fake_BTCHW, "B T C H W", "fake_BTCHW")
    check_alike(fake_BTCHW, real_BTCHW, ("fake_BTCHW", "real_BTCHW"))
    check_weights(fake_BTCHW, weights_BTHW)
    difference_BYX = (_amplitude(fake_BTCHW) - _amplitude(real_BTCHW)).abs()
    weights_BYX = window_means(weights_BTHW.detach().mean(dim=1))
    return (difference_BYX * weights_BYX).mean(dim=(1, 2))


def _amplitude(video_BTCHW: Tensor) -> Tensor:
    """Return the root mean square motion of each window, (B, rows, columns)."""
    motion_BTCHW = video_BTCHW - video_BTCHW.mean(dim=1, keepdim=True)
    energy_BHW = motion_BTCHW.square().mean(dim=(1, 2))
    return window_roots(energy_BHW)
