"""Compute the error of the motion around the mouth, apart from how the face looks at rest."""

from torch import Tensor

from emotalk.losses.mouth_region import mouth_region_loss


def mouth_motion_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's motion - real's motion| (B,), at least 0.

    A pixel's motion is its difference from its own mean over the window. An absolute error has the
    same gradient in every frame while the picture is wrong by more than the lips move it: a network
    that meets many faces learns them all before it opens a mouth. Without each pixel's mean that
    error is gone.

    Args:
        fake_BTCHW: generated frames in [-1, 1].
        real_BTCHW: true frames in [-1, 1].
        weights_BTHW: `mouth_region_weights`; constants, no gradient flows into them.

    Source: ours.
    """
    fake_motion = fake_BTCHW - fake_BTCHW.mean(dim=1, keepdim=True)
    real_motion = real_BTCHW - real_BTCHW.mean(dim=1, keepdim=True)
    return mouth_region_loss(fake_motion, real_motion, weights_BTHW)
