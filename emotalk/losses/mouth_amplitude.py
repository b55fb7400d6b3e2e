"""Compute the error of how far the picture around the mouth moves, whenever it does."""

from torch import Tensor
from torch.nn.functional import avg_pool2d

from emotalk.losses.checks import check_alike, check_floats
from emotalk.schema import check_shape

WINDOW = 4  # pixels
_LEAST_ENERGY = 1e-4  # squared, of [-1, 1]: the root has no slope at 0; a grey level's motion


def mouth_amplitude_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's amplitude - real's amplitude| (B,), at least 0.

    Amplitude is the root mean square over time, colours and the pixels of a window of `WINDOW` x
    `WINDOW` of each pixel's difference from its own mean over time. An absolute error of frames is
    least for the median of all mouths that fit the speech, which moves less than any of them.
    Moving as far at another time costs nothing here.

    Args:
        fake_BTCHW: generated frames in [-1, 1]; height and width are multiples of `WINDOW`.
        real_BTCHW: true frames in [-1, 1].
        weights_BTHW: `mouth_region_weights`; constants, no gradient flows into them.

    Source: ours.
    """
    sizes = check_floats(fake_BTCHW, "B T C H W", "fake_BTCHW")
    check_alike(fake_BTCHW, real_BTCHW, ("fake_BTCHW", "real_BTCHW"))
    check_shape(weights_BTHW, " ".join(str(sizes[axis]) for axis in "BTHW"), "weights")
    difference_BYX = (_amplitude(fake_BTCHW) - _amplitude(real_BTCHW)).abs()
    weights_BYX = avg_pool2d(weights_BTHW.detach().mean(dim=1), WINDOW)
    return (difference_BYX * weights_BYX).mean(dim=(1, 2))


def _amplitude(video_BTCHW: Tensor) -> Tensor:
    """Return the root mean square motion of each window, (B, rows, columns)."""
    motion_BTCHW = video_BTCHW - video_BTCHW.mean(dim=1, keepdim=True)
    energy_BHW = motion_BTCHW.square().mean(dim=(1, 2))
    return (avg_pool2d(energy_BHW, WINDOW) + _LEAST_ENERGY).sqrt()
