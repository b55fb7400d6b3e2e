"""The error of the motion around the mouth: by hand, and blind to how the face looks at rest."""

import numpy as np
import torch

from emotalk.losses.mouth_motion import mouth_motion_loss
from emotalk.losses.mouth_region import mouth_region_loss

B, T, C, H, W = 2, 5, 3, 6, 4


def videos(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    fake, real = (torch.rand(B, T, C, H, W, generator=draws) for _ in range(2))
    return fake, real, torch.rand(B, T, H, W, generator=draws)


def test_it_is_the_weighted_error_of_differences_from_the_windows_mean() -> None:
    fake, real, weights = videos()
    f, r = fake.double().numpy(), real.double().numpy()
    error = np.abs((f - f.mean(1, keepdims=True)) - (r - r.mean(1, keepdims=True)))
    expected = (error.mean(2) * weights.double().numpy()).mean((1, 2, 3))
    np.testing.assert_allclose(mouth_motion_loss(fake, real, weights), expected, rtol=1e-5)


def test_another_face_that_moves_alike_costs_nothing() -> None:
    _, real, weights = videos()
    other = real + (torch.rand(B, 1, C, H, W) - 0.5)
    assert mouth_region_loss(other, real, weights).min() > 0.05
    assert mouth_motion_loss(other, real, weights).max() < 1e-6


def test_a_wrong_still_picture_learns_each_frames_direction() -> None:
    """The mouth-region loss pulls every frame the same way while the face is far off."""
    _, real, _ = videos()
    weights = torch.ones(B, T, H, W)
    still = torch.full((B, T, C, H, W), 5.0, requires_grad=True)
    (region,) = torch.autograd.grad(mouth_region_loss(still, real, weights).sum(), still)
    assert bool((region > 0).all())  # darker, at all times
    (motion,) = torch.autograd.grad(mouth_motion_loss(still, real, weights).sum(), still)
    assert bool((motion.gather(1, real.argmax(1, keepdim=True)) < 0).all())  # brighter then
    assert bool((motion.gather(1, real.argmin(1, keepdim=True)) > 0).all())
    assert float(motion.sum(1).abs().max()) < 1e-6  # it says nothing of the mean
