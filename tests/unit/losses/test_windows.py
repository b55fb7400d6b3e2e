"""Means of windows are NumPy's of the same blocks; their roots have a slope everywhere."""

import numpy as np
import torch

from emotalk.losses.windows import WINDOW, window_means, window_roots


def blocks(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[-2] // WINDOW, picture.shape[-1] // WINDOW
    whole = picture[..., : rows * WINDOW, : columns * WINDOW]
    return whole.reshape(*picture.shape[:-2], rows, WINDOW, columns, WINDOW)


def test_each_window_has_its_own_mean_and_a_rest_is_left_out() -> None:
    picture = torch.rand(
        2, 3, 2 * WINDOW + 1, 3 * WINDOW, generator=torch.Generator().manual_seed(0)
    )
    expected = blocks(picture.double().numpy()).mean((-3, -1))
    np.testing.assert_allclose(window_means(picture), expected, rtol=1e-6)
    np.testing.assert_allclose(window_roots(picture), np.sqrt(expected + 1e-4), rtol=1e-6)


def test_nothing_at_all_has_a_finite_slope() -> None:
    energy = torch.zeros(1, WINDOW, WINDOW, requires_grad=True)
    (slope,) = torch.autograd.grad(window_roots(energy).sum(), energy)
    assert bool(slope.isfinite().all())
