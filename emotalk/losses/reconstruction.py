"""Compute the reconstruction loss: the mean absolute difference from the true video."""

from torch import Tensor

from emotalk.losses.checks import check_alike, check_floats


def l1(fake_BTCHW: Tensor, real_BTCHW: Tensor) -> Tensor:
    """Return the mean absolute difference (B,) over frames, colours and pixels, in [0, 2].

    Args:
        fake_BTCHW: generated frames in [-1, 1].
        real_BTCHW: true frames in [-1, 1].

    Source: report 4.2, reconstruction loss.
    """
    check_floats(fake_BTCHW, "B T C H W", "fake_BTCHW")
    check_alike(fake_BTCHW, real_BTCHW, ("fake_BTCHW", "real_BTCHW"))
    return (fake_BTCHW - real_BTCHW).abs().mean(dim=(1, 2, 3, 4))
