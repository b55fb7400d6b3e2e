"""The perceptual loss: by hand, without a graph for the truth, unbiased over frames."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from emotalk.losses.perceptual import draw_frames, perceptual_loss
from emotalk.models.vgg import random_vgg19


def two_maps(frames_NCHW: Tensor) -> list[Tensor]:
    return [frames_NCHW[:, :1], 2 * frames_NCHW.mean(dim=(2, 3))]


def videos(*, B: int = 2, T: int = 4, size: int = 4) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    fake, real = (torch.rand(B, T, 3, size, size, generator=draws) * 2 - 1 for _ in range(2))
    return fake, real


def test_it_is_the_sum_over_maps_of_mean_squared_differences() -> None:
    fake = torch.zeros(2, 1, 3, 2, 2)
    real = fake.clone()
    real[0, 0, 0, 0, 0] = 0.4  # first map: 0.16 / 4; second: (2 * 0.1)^2 / 3
    real[1, 0, 2] = 0.5  # first map: 0; second: 1 / 3
    expected = torch.tensor([0.16 / 4 + 0.04 / 3, 1 / 3])
    torch.testing.assert_close(perceptual_loss(two_maps, fake, real), expected)


def test_the_true_videos_features_are_taken_without_a_graph() -> None:
    graphs = []

    def features(frames: Tensor) -> list[Tensor]:
        graphs.append(torch.is_grad_enabled())
        return [frames]

    fake, real = videos()
    real.requires_grad_()
    torch.autograd.backward(perceptual_loss(features, fake.requires_grad_(), real).sum())
    assert graphs == [False, True]
    assert real.grad is None


def test_the_mean_over_all_subsets_of_frames_is_the_whole_loss() -> None:
    fake, real = videos()
    subsets = list(combinations(range(4), 2))
    each = [
        perceptual_loss(two_maps, fake, real, frames_BK=torch.tensor([subset, subset[::-1]]))
        for subset in subsets
    ]
    torch.testing.assert_close(torch.stack(each).mean(dim=0), perceptual_loss(two_maps, fake, real))


def test_drawn_frames_are_different_ones_of_the_clip_and_each_as_likely() -> None:
    uniform = torch.rand(6000, 5, generator=torch.Generator().manual_seed(1))
    drawn = draw_frames(uniform, 2)
    assert drawn.shape == (6000, 2)
    assert (drawn[:, 0] != drawn[:, 1]).all()
    counts = torch.bincount(drawn.flatten(), minlength=5)
    assert ((counts - 2400).abs() < 5 * (6000 * 0.4 * 0.6) ** 0.5).all()
    assert torch.equal(draw_frames(uniform, 2), drawn)


def test_gradients_by_the_generated_video_pass_gradcheck() -> None:
    network = random_vgg19(3, channels=(2, 2, 2, 2, 2)).double()
    fake, real = (video.double() for video in videos(B=1, T=1, size=32))
    frames_BK = torch.tensor([[0]])

    def loss(fake: Tensor) -> Tensor:
        return perceptual_loss(network, fake, real, frames_BK=frames_BK)

    assert torch.autograd.gradcheck(loss, (fake.requires_grad_(),), fast_mode=True)


def test_equal_videos_cost_nothing() -> None:
    fake, _ = videos(size=32)
    assert perceptual_loss(random_vgg19(0, channels=(2, 2, 2, 2, 2)), fake, fake).max() == 0


def test_wrong_inputs_are_named() -> None:
    fake, real = videos()
    with pytest.raises(ValueError, match="real_BTCHW: got shape"):
        perceptual_loss(two_maps, fake, real[:1])
    with pytest.raises(ValueError, match="frames_BK: shape"):
        perceptual_loss(two_maps, fake, real, frames_BK=torch.tensor([[0]]))
    with pytest.raises(ValueError, match=r"frames: got 6, allowed are 1 .. 5"):
        draw_frames(torch.rand(1, 5), 6)


@pytest.mark.parametrize("frames", [1, 5])
def test_one_frame_and_all_frames_can_be_drawn(frames: int) -> None:
    drawn = draw_frames(torch.rand(2, 5, dtype=torch.float64), frames)
    assert drawn.shape == (2, frames)
    assert all(len(set(row)) == frames for row in drawn.tolist())
    with pytest.raises(ValueError, match=r"frames: got 0, allowed are 1 .. 5"):
        draw_frames(torch.rand(2, 5), 0)
