"""Detail against OpenCV's Laplacian; flicker against the noise that was added."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from emotalk.metrics.sharpness import detail, flicker, relative_sharpness


def video(frames: int = 4, seed: int = 0) -> Tensor:
    return torch.rand(2, frames, 3, 24, 32, generator=torch.Generator().manual_seed(seed))


def blurred(video_BTCHW: Tensor, sigma: float) -> Tensor:
    frames = video_BTCHW.permute(0, 1, 3, 4, 2).numpy()
    soft = [[cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip] for clip in frames]
    return torch.from_numpy(np.stack(soft)).permute(0, 1, 4, 2, 3)


def test_detail_is_the_root_mean_square_of_opencvs_laplacian() -> None:
    clips = video()
    by_hand = []
    for clip in clips.permute(0, 1, 3, 4, 2).numpy():
        luma = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip]
        inner = [cv2.Laplacian(grey, cv2.CV_32F)[1:-1, 1:-1] for grey in luma]
        by_hand.append(255 * math.sqrt(np.square(inner).mean()))
    assert detail(clips).tolist() == pytest.approx(by_hand, rel=1e-3)


def test_blur_lowers_sharpness_and_noise_raises_it() -> None:
    truth = blurred(video(), 1.0)
    assert relative_sharpness(truth, truth).tolist() == pytest.approx([1, 1])
    soft = [relative_sharpness(blurred(truth, sigma), truth)[0].item() for sigma in (0.5, 1, 2)]
    assert 1 > soft[0] > soft[1] > soft[2] > 0
    assert relative_sharpness(truth + 0.1 * video(seed=1), truth).min() > 1.05
    assert relative_sharpness(0.5 * truth, truth).tolist() == pytest.approx([0.5, 0.5])


def test_a_flat_truth_has_no_sharpness() -> None:
    flat = torch.zeros(1, 2, 3, 8, 8)
    assert math.isnan(relative_sharpness(flat, flat).item())


def test_flicker_is_the_noise_of_each_frame() -> None:
    noise = torch.randn(1, 60, 1, 32, 32, generator=torch.Generator().manual_seed(3)) * 0.02
    grey = 0.5 + noise.expand(-1, -1, 3, -1, -1)
    assert flicker(grey).item() == pytest.approx(0.02 * 255, rel=0.03)
    still = grey[:, :1].expand(-1, 9, -1, -1, -1)
    assert flicker(still).item() == pytest.approx(0, abs=1e-4)
    fade = torch.linspace(0, 1, 9)[None, :, None, None, None].expand(1, 9, 3, 8, 8)
    assert flicker(fade).item() == pytest.approx(0, abs=1e-4)
    assert math.isnan(flicker(grey[:, :2]).item())


def test_pictures_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="axis 3"):
        detail(torch.zeros(1, 2, 1, 8, 8))
