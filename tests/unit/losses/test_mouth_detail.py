"""The error of fine detail around the mouth: by hand, blind to small shifts, and not to blur."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from emotalk.losses.mouth_detail import mouth_detail_loss
from emotalk.losses.mouth_region import mouth_region_loss
from emotalk.losses.windows import WINDOW

B, T, C, H, W = 2, 3, 3, 3 * WINDOW, 2 * WINDOW


def videos(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    fake, real = (torch.rand(B, T, C, H, W, generator=draws) for _ in range(2))
    return fake, real, torch.rand(B, T, H, W, generator=draws)


def stripes(shift: int) -> torch.Tensor:
    """Return vertical lines two pixels wide, four apart, moved to the right."""
    row = torch.tensor([1.0, 1.0, -1.0, -1.0] * 8).roll(shift)
    return row.expand(1, 1, C, 32, 32)


def contrast(video: np.ndarray) -> np.ndarray:
    """Return the root mean square difference of neighbours in each window, pixel by pixel."""
    found = np.zeros((B, T, H // WINDOW, W // WINDOW))
    for y in range(H - 1):
        for x in range(W - 1):
            here = video[..., y, x]
            right, below = video[..., y, x + 1] - here, video[..., y + 1, x] - here
            found[..., y // WINDOW, x // WINDOW] += (right**2 + below**2).mean(2)
    return np.sqrt(found / WINDOW**2 + 1e-4)


def test_it_is_the_weighted_error_of_each_windows_contrast() -> None:
    fake, real, weights = videos()
    error = np.abs(contrast(fake.double().numpy()) - contrast(real.double().numpy()))
    shape = (B, T, H // WINDOW, WINDOW, W // WINDOW, WINDOW)
    mean_weights = weights.double().numpy().reshape(shape).mean((3, 5))
    expected = (error * mean_weights).mean((1, 2, 3))
    np.testing.assert_allclose(mouth_detail_loss(fake, real, weights), expected, rtol=1e-5)


def test_blur_costs_and_a_small_shift_hardly_does() -> None:
    """Pixel by pixel it is the other way round: grey is half as wrong as the lines beside."""
    real, moved, grey = stripes(0), stripes(2), torch.zeros(1, 1, C, 32, 32)
    weights = torch.ones(1, 1, 32, 32)
    assert mouth_region_loss(grey, real, weights) < 0.6 * mouth_region_loss(moved, real, weights)
    assert mouth_detail_loss(moved, real, weights) < 0.1 * mouth_detail_loss(grey, real, weights)


def test_it_falls_as_a_blurred_picture_becomes_sharp() -> None:
    _, real, weights = videos()
    losses = []
    for sigma in (2.0, 1.0, 0.5, 0.0):
        blurred = gaussian_filter(real.numpy(), (0, 0, 0, sigma, sigma))
        losses.append(float(mouth_detail_loss(torch.from_numpy(blurred), real, weights).sum()))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == 0.0


def test_a_grey_picture_has_a_finite_gradient() -> None:
    _, real, weights = videos()
    grey = torch.zeros(B, T, C, H, W, requires_grad=True)
    (slope,) = torch.autograd.grad(mouth_detail_loss(grey, real, weights).sum(), grey)
    assert bool(slope.isfinite().all())


def test_weights_of_another_size_are_refused() -> None:
    fake, real, weights = videos()
    with pytest.raises(ValueError, match="weights"):
        mouth_detail_loss(fake, real, weights[..., 1:])
