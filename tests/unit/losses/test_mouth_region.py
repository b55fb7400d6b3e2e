"""Mouth-region weights: against the original, scipy and a Gaussian worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from emotalk.losses.mouth_region import (
    mouth_centres,
    mouth_masked,
    mouth_region_loss,
    mouth_region_weights,
)
from tests.helpers.shared import shared_data


def centres(*points: tuple[float, float]) -> Tensor:
    return torch.tensor(points, dtype=torch.float32).unsqueeze(0)


def test_rounded_down_weights_are_those_of_the_original() -> None:
    with np.load(shared_data("reference", "original_mrm.npz"), allow_pickle=False) as arrays:
        centre = torch.from_numpy(arrays["mouth_mean_xy"]).float().unsqueeze(0)
        expected = torch.from_numpy(arrays["weight"])
    ours = mouth_region_weights(centre, round_down=True)[0]
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(x=st.floats(0, 39.9), y=st.floats(0, 39.9), sigma=st.sampled_from([2.0, 5.0, 9.0]))
def test_rounded_down_weights_are_scipys_filter_of_one_pixel(
    x: float, y: float, sigma: float
) -> None:
    pixel = np.zeros((40, 40))
    pixel[int(y), int(x)] = 1
    filtered = gaussian_filter(pixel, sigma)
    point = torch.tensor([[[x, y]]], dtype=torch.float64)
    ours = mouth_region_weights(point, size=40, sigma=sigma, floor=0, round_down=True)[0, 0]
    if 4 * sigma < 40:  # scipy mirrors again and again, we once: enough while the bell fits
        np.testing.assert_allclose(ours.numpy(), filtered / filtered.max(), atol=1e-12)


def test_weights_by_default_are_the_gaussian_at_the_very_centre() -> None:
    weights = mouth_region_weights(centres((64.25, 92.5)), sigma=9.0, floor=0.01)[0, 0]
    assert weights.shape == (128, 128)
    for row, column in ((92, 64), (93, 64), (80, 100), (0, 0)):
        squared = (column - 64.25) ** 2 + (row - 92.5) ** 2
        expected = math.exp(-squared / 162) + 0.01
        assert weights[row, column].item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(x=st.integers(0, 31), y=st.integers(0, 31))
def test_the_peak_is_one_above_the_floor_and_lies_at_the_mouth(x: int, y: int) -> None:
    weights = mouth_region_weights(centres((x, y)), size=32, sigma=3.0, floor=0.25)[0, 0]
    assert weights.max().item() == pytest.approx(1.25)
    assert divmod(int(weights.argmax()), 32) == (y, x)
    assert weights.min().item() >= 0.25


def test_centre_is_the_mean_of_the_mouths_twenty_landmarks() -> None:
    landmarks = torch.full((1, 2, 68, 2), 1e6)
    landmarks[..., 48:, 0], landmarks[..., 48:, 1] = 60.0, 90.0
    landmarks[0, 1, 48, 0] = 80.0
    assert mouth_centres(landmarks).tolist() == [[[60.0, 90.0], [61.0, 90.0]]]


def test_half_precision_landmarks_still_give_float32_weights() -> None:
    assert mouth_region_weights(centres((3, 3)).bfloat16(), size=8).dtype == torch.float32


def test_a_centre_outside_the_image_is_rounded_down_to_its_nearest_pixel() -> None:
    outside = mouth_region_weights(centres((-4, 200)), size=16, round_down=True)
    nearest = mouth_region_weights(centres((0, 15)), size=16, round_down=True)
    torch.testing.assert_close(outside, nearest)


def test_mask_shows_the_mouth_and_greys_the_rest() -> None:
    video = torch.ones(1, 1, 3, 32, 32)
    weights = mouth_region_weights(centres((8, 8)), size=32, sigma=2.0, floor=0.0)
    masked = mouth_masked(video, weights)
    assert masked[0, 0, :, 8, 8].tolist() == [1.0, 1.0, 1.0]
    assert masked[0, 0, :, 31, 31].abs().max() < 1e-6


def test_loss_is_the_weighted_mean_over_all_pixels_of_each_clip() -> None:
    fake = torch.zeros(2, 1, 3, 2, 2)
    real = fake.clone()
    real[0, 0, 0, 1, 0] = -0.5
    real[1, 0, :, 0, 1] = 0.25
    weights = torch.tensor([[1.0, 2.0], [4.0, 8.0]]).expand(2, 1, 2, 2)
    expected = torch.tensor([4.0 * 0.5 / 12, 3 * 2.0 * 0.25 / 12])
    torch.testing.assert_close(mouth_region_loss(fake, real, weights), expected)


def test_loss_passes_gradcheck_and_sends_nothing_into_the_weights() -> None:
    draws = torch.Generator().manual_seed(0)
    fake, real = (
        torch.randn(2, 2, 3, 3, 3, dtype=torch.float64, generator=draws) for _ in range(2)
    )
    fake.requires_grad_()
    weights = torch.rand(2, 2, 3, 3, dtype=torch.float64, generator=draws, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: mouth_region_loss(f, real, weights), (fake,))
    torch.autograd.backward(mouth_region_loss(fake, real, weights).sum())
    assert weights.grad is None


def test_wrong_inputs_are_named() -> None:
    with pytest.raises(ValueError, match=r"landmarks_BTLP: shape \(1, 1, 5, 2\), axis 68 is 5"):
        mouth_centres(torch.zeros(1, 1, 5, 2))
    with pytest.raises(ValueError, match="sigma -1"):
        mouth_region_weights(centres((1, 1)), sigma=-1)
    with pytest.raises(ValueError, match="weights_BTHW"):
        mouth_masked(torch.zeros(1, 2, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match="real_BTCHW: got shape"):
        mouth_region_loss(torch.zeros(1, 2, 3, 4, 4), torch.zeros(4, 4), torch.zeros(1, 2, 4, 4))
