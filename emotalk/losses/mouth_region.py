"""Compute mouth-region weights and the mouth-region mask loss."""

import math

import torch
from torch import Tensor

from emotalk.losses.checks import check_alike, check_floats
from emotalk.schema import LANDMARKS, MOUTH, SIZE

_REACH_SIGMAS = 4  # where the original's Gaussian filter ends


def mouth_centres(landmarks_BTLP: Tensor) -> Tensor:
    """Return the mean (B, T, 2) of iBUG landmarks 48..67 in crop pixels, x before y."""
    check_floats(landmarks_BTLP, f"B T {LANDMARKS} 2", "landmarks_BTLP")
    return landmarks_BTLP[:, :, MOUTH].mean(dim=2)


def mouth_region_weights(
    centres_BTP: Tensor,
    *,
    size: int = SIZE,
    sigma: float = 9.0,
    floor: float = 0.01,
    round_down: bool = False,
) -> Tensor:
    """Return weights (B, T, H, W) in [floor, 1 + floor], highest at the mouth.

    exp(-d^2 / (2 sigma^2)) + floor, with d the distance in pixels from the mouth's centre to the
    centre of the pixel; computed on the centres' device, in float32 at least.

    Args:
        centres_BTP: from `mouth_centres`; pixel centres lie at whole numbers.
        size: height and width in pixels.
        sigma: of the Gaussian in pixels.
        floor: added everywhere, so that the rest of the face counts too. 0 gives the mask of the
            pair discriminator.
        round_down: as the original: the centre rounded down to a whole pixel, and the Gaussian of
            scipy's filter: cut off at 4 sigma, mirrored at the borders, then scaled to peak 1.
            Centres outside the image are moved to its nearest pixel (the original moves them to
            pixel 92, 92).

    Raises:
        ValueError: a shape, type or number is not as stated.

    Source: Eskimez et al. 2020 (mouth region mask); Eskimez et al. 2021, `gkern2`. By default we
    keep the centre's fraction, the Gaussian's tail and no mirror image.
    """
    check_floats(centres_BTP, "B T 2", "centres_BTP")
    if size < 1 or sigma <= 0 or floor < 0:
        raise ValueError(
            f"got size {size}, sigma {sigma}, floor {floor}; "
            "allowed are size >= 1, sigma > 0, floor >= 0"
        )
    centres = centres_BTP.to(torch.promote_types(centres_BTP.dtype, torch.float32))
    profile = _original_profile if round_down else _profile
    x_BTW, y_BTH = (profile(centre, size, sigma) for centre in centres.unbind(dim=-1))
    return y_BTH.unsqueeze(-1) * x_BTW.unsqueeze(-2) + floor


def _profile(centre_BT: Tensor, size: int, sigma: float) -> Tensor:
    """Return one axis of the Gaussian, (B, T, size)."""
    pixels = torch.arange(size, device=centre_BT.device, dtype=centre_BT.dtype)
    return torch.exp((pixels - centre_BT.unsqueeze(-1)).square() / (-2 * sigma**2))


def _original_profile(centre_BT: Tensor, size: int, sigma: float) -> Tensor:
    """Return one axis of a filtered single pixel: three cut-off Gaussians, scaled to peak 1."""
    centre = centre_BT.trunc().clamp(0, size - 1).unsqueeze(-1)
    pixels = torch.arange(size, device=centre.device, dtype=centre.dtype)
    reach = math.floor(_REACH_SIGMAS * sigma + 0.5)
    total = torch.zeros_like(pixels)
    for image in (centre, -1 - centre, 2 * size - 1 - centre):
        distance = pixels - image
        bell = torch.exp(distance.square() / (-2 * sigma**2))
        total = total + bell * (distance.abs() <= reach)
    return total / total.amax(dim=-1, keepdim=True)


def mouth_masked(video_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return video (B, T, C, H, W) of which only the mouth is seen, the rest grey (0).

    Args:
        video_BTCHW: in [-1, 1].
        weights_BTHW: `mouth_region_weights` with floor 0, in [0, 1].
    """
    check_weights(video_BTCHW, weights_BTHW)
    return video_BTCHW * weights_BTHW.unsqueeze(2)


def mouth_region_loss(fake_BTCHW: Tensor, real_BTCHW: Tensor, weights_BTHW: Tensor) -> Tensor:
    """Return the mean over frames, colours and pixels of weight * |fake - real| (B,), at least 0.

    Args:
        fake_BTCHW: generated frames in [-1, 1].
        real_BTCHW: true frames in [-1, 1].
        weights_BTHW: `mouth_region_weights`; constants, no gradient flows into them.

    Source: report eq. of L_mrm; Eskimez et al. 2021. The mean is over all pixels, not over the sum
    of the weights, as there.
    """
    check_alike(fake_BTCHW, real_BTCHW, ("fake_BTCHW", "real_BTCHW"))
    check_weights(fake_BTCHW, weights_BTHW)
    difference = (fake_BTCHW - real_BTCHW).abs().mean(dim=2)
    return (difference * weights_BTHW.detach()).mean(dim=(1, 2, 3))


def check_weights(video_BTCHW: Tensor, weights_BTHW: Tensor) -> None:
    """Raise `ValueError` unless there is a weight for each pixel of each frame."""
    sizes = check_floats(video_BTCHW, "B T C H W", "video")
    expected = " ".join(str(sizes[axis]) for axis in "BTHW")
    check_floats(weights_BTHW, expected, "weights_BTHW")
