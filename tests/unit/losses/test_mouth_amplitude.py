"""The error of how far the mouth moves: by hand, blind to when it moves, and not to how far."""

import math

import numpy as np
import pytest
import torch

from emotalk.losses.mouth_amplitude import mouth_amplitude_loss
from emotalk.losses.mouth_motion import mouth_motion_loss
from emotalk.losses.windows import WINDOW

B, T, C, H, W = 2, 5, 3, 3 * WINDOW, 2 * WINDOW


def videos(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    fake, real = (torch.rand(B, T, C, H, W, generator=draws) for _ in range(2))
    return fake, real, torch.rand(B, T, H, W, generator=draws)


def amplitude(video: np.ndarray) -> np.ndarray:
    """Return the standard deviation over time of each window, without its own mean."""
    found = np.zeros((B, H // WINDOW, W // WINDOW))
    for y in range(H):
        for x in range(W):
            found[:, y // WINDOW, x // WINDOW] += video[..., y, x].var(1).mean(1)
    return np.sqrt(found / WINDOW**2 + 1e-4)


def wave(delay: float, far: float = 0.5) -> torch.Tensor:
    """Return a picture whose brightness swings twice over 20 frames."""
    swing = far * torch.sin(torch.arange(20) * (2 * math.pi / 10) - delay)
    return swing.reshape(1, 20, 1, 1, 1).expand(1, 20, C, 8, 8)


def test_it_is_the_weighted_error_of_each_windows_deviation_over_time() -> None:
    fake, real, weights = videos()
    error = np.abs(amplitude(fake.double().numpy()) - amplitude(real.double().numpy()))
    shape = (B, T, H // WINDOW, WINDOW, W // WINDOW, WINDOW)
    mean_weights = weights.double().numpy().reshape(shape).mean((1, 3, 5))
    expected = (error * mean_weights).mean((1, 2))
    np.testing.assert_allclose(mouth_amplitude_loss(fake, real, weights), expected, rtol=1e-5)


def test_a_still_mouth_costs_and_one_that_moves_at_another_time_does_not() -> None:
    """Frame by frame it is the other way round."""
    real, late, still = wave(0.0), wave(math.pi / 2), wave(0.0, far=0.0)
    weights = torch.ones(1, 20, 8, 8)
    assert mouth_motion_loss(still, real, weights) < mouth_motion_loss(late, real, weights)
    assert mouth_amplitude_loss(late, real, weights) < 1e-6
    assert mouth_amplitude_loss(still, real, weights) > 0.3


def test_it_pulls_half_a_motion_to_the_whole_of_it() -> None:
    real, weights = wave(0.0), torch.ones(1, 20, 8, 8)
    losses = [float(mouth_amplitude_loss(wave(0.0, far), real, weights)) for far in (0.1, 0.3, 0.5)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == 0.0


def test_a_still_picture_has_a_finite_gradient() -> None:
    _, real, weights = videos()
    still = torch.zeros(B, T, C, H, W, requires_grad=True)
    (slope,) = torch.autograd.grad(mouth_amplitude_loss(still, real, weights).sum(), still)
    assert bool(slope.isfinite().all())


def test_weights_of_another_size_are_refused() -> None:
    fake, real, weights = videos()
    with pytest.raises(ValueError, match="weights"):
        mouth_amplitude_loss(fake, real, weights[..., 1:])
