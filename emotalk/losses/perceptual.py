"""Compute the perceptual loss: the distance of two videos in the features of an image network."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from emotalk.losses.checks import check_alike, check_floats
from emotalk.schema import check_shape

Features = Callable[[Tensor], Sequence[Tensor]]


def perceptual_loss(
    features: Features,
    fake_BTCHW: Tensor,
    real_BTCHW: Tensor,
    *,
    frames_BK: Tensor | None = None,
) -> Tensor:
    """Return the sum over feature maps of their mean squared difference (B,), at least 0.

    The true video's features are taken without a graph.

    Args:
        features: frames_NCHW in [-1, 1] -> several feature maps (N, ...), frame by frame. Frozen,
            e.g. `VGG19Features` with its five pooling outputs.
        fake_BTCHW: generated frames in [-1, 1].
        real_BTCHW: true frames in [-1, 1].
        frames_BK: int64 numbers of the K frames of each clip to compare; all frames if None. Drawn
            uniformly (see `draw_frames`) it gives an unbiased estimate of the loss over all frames
            at K / T of the cost.

    Raises:
        ValueError: a shape or type is not as stated.

    Source: report 4.2; Eskimez et al. 2021, `perceptionLoss` (whose VGG stays trainable and gets
    BGR without ImageNet's statistics; both are matters of `features`).
    """
    sizes = check_floats(fake_BTCHW, "B T C H W", "fake_BTCHW")
    check_alike(fake_BTCHW, real_BTCHW, ("fake_BTCHW", "real_BTCHW"))
    if frames_BK is not None:
        check_shape(frames_BK, f"{sizes['B']} K", "frames_BK")
        rows = torch.arange(sizes["B"], device=frames_BK.device).unsqueeze(1)
        fake_BTCHW, real_BTCHW = fake_BTCHW[rows, frames_BK], real_BTCHW[rows, frames_BK]
    with torch.no_grad():
        real_maps = features(real_BTCHW.flatten(0, 1))
    fake_maps = features(fake_BTCHW.flatten(0, 1))
    terms = [
        (fake - real).square().view(sizes["B"], -1).mean(dim=1)
        for fake, real in zip(fake_maps, real_maps, strict=True)
    ]
    return torch.stack(terms).sum(dim=0)


def draw_frames(uniform_BT: Tensor, frames: int) -> Tensor:
    """Return int64 (B, frames): that many different frames of each clip, uniformly drawn.

    Args:
        uniform_BT: independent draws from U[0, 1), one a frame; the caller's, so that they can be
            keyed by step and sample.
        frames: how many of the T to keep, 1 .. T.
    """
    T = check_floats(uniform_BT, "B T", "uniform_BT")["T"]
    if not 1 <= frames <= T:
        raise ValueError(f"frames: got {frames}, allowed are 1 .. {T}")
    return uniform_BT.argsort(dim=1)[:, :frames]
