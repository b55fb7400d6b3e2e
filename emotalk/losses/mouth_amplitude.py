"""Compute the error of the amplitude of motion around the mouth."""

from torch import Tensor

from emotalk.losses.checks import check_alike, check_floats
from emotalk.losses.mouth_region import check_weights
from emotalk.losses.windows import window_means, window_roots


def mouth_amplitude_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's amplitude - real's amplitude| (B,), at least 0.

    Amplitude is the root mean square over time, colours and the pixels of a window
    (`window_roots`) of each pixel's difference from its own mean over time. The same motion at
    another time has the same amplitude, so its timing is left to other terms.

    The L1 loss of frames alone makes mouths move too little: many motions fit the speech, it is
    least for their median, and the median moves less than each of them.

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
