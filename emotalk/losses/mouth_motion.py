"""Compute the error of the motion around the mouth, without that of the face at rest."""

from torch import Tensor

from emotalk.losses.mouth_region import mouth_region_loss


def mouth_motion_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean of weight * |fake's motion - real's motion| (B,), at least 0.

    A pixel's motion is its difference from its own mean over the frames. An error that is the same
    in all frames, such as a wrong skin colour, costs nothing here.

    The L1 loss of frames has no gradient towards motion while a pixel's constant error is larger
    than its motion. So a network that trains on many people first learns how they look at rest.

    Args:
        fake_BTCHW: generated frames in [-1, 1].
        real_BTCHW: true frames in [-1, 1].
        weights_BTHW: `mouth_region_weights`; constants, no gradient flows into them.

    Source: ours.
    """
    fake_motion = fake_BTCHW - fake_BTCHW.mean(dim=1, keepdim=True)
    real_motion = real_BTCHW - real_BTCHW.mean(dim=1, keepdim=True)
    return mouth_region_loss(fake_motion, real_motion, weights_BTHW)
