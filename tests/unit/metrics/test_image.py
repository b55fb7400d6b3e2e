"""PSNR and SSIM agree with scikit-image, and the mouth crop follows the true mouth."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from emotalk.metrics.image import MOUTH_CROP_HW, crop_mouth, psnr, ssim


def videos(height: int = 40, width: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    truth = torch.rand(2, 3, 3, height, width, generator=generator)
    truth = torch.nn.functional.avg_pool2d(truth.flatten(0, 1), 5, 1, 2).reshape(truth.shape)
    noise = torch.randn(truth.shape, generator=generator) * 0.05
    return (truth + noise).clamp(0, 1), truth


def test_ssim_equals_scikit_images() -> None:
    video, truth = videos()
    ours = ssim(video, truth)
    for clip in range(2):
        theirs = [
            structural_similarity(
                truth[clip, t].double().numpy(),
                video[clip, t].double().numpy(),
                channel_axis=0,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1.0,
            )
            for t in range(3)
        ]
        assert ours[clip].item() == pytest.approx(np.mean(theirs), abs=2e-5)


def test_ssim_of_equal_videos_is_one_and_falls_with_noise() -> None:
    video, truth = videos()
    torch.testing.assert_close(ssim(truth, truth), torch.ones(2))
    noisier = video + torch.randn(video.shape, generator=torch.Generator().manual_seed(1)) * 0.2
    assert (ssim(noisier.clamp(0, 1), truth) < ssim(video, truth)).all()


def test_psnr_equals_scikit_images_over_all_frames_of_a_clip() -> None:
    video, truth = videos()
    theirs = [
        peak_signal_noise_ratio(truth[clip].numpy(), video[clip].numpy(), data_range=1.0)
        for clip in range(2)
    ]
    np.testing.assert_allclose(psnr(video, truth).numpy(), theirs, rtol=1e-5)


def test_one_perfect_frame_does_not_make_the_clip_perfect() -> None:
    truth = torch.zeros(1, 4, 3, 16, 16)
    video = truth + 0.1
    video[:, 0] = 0
    assert psnr(video, truth).item() == pytest.approx(-10 * math.log10(0.01 * 3 / 4), abs=1e-4)
    assert psnr(truth, truth).item() == math.inf


def test_the_mouth_crop_is_centred_on_the_true_mouth_and_stays_inside() -> None:
    height, width = MOUTH_CROP_HW
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    video = torch.stack([columns, rows, rows])[None, None].expand(1, 2, 3, 128, 128)
    landmarks = torch.zeros(1, 2, 68, 2)
    landmarks[0, 0, 48:] = torch.tensor([64.5, 95.5])
    landmarks[0, 1, 48:] = torch.tensor([2.0, 127.0])
    crop = crop_mouth(video, landmarks)
    assert crop.shape == (1, 2, 3, height, width)
    assert crop[0, 0, 0, 0].mean() == pytest.approx(64.5, abs=0.5)
    assert crop[0, 0, 1, :, 0].mean() == pytest.approx(95.5, abs=0.5)
    assert crop[0, 1, 0, 0, 0] == 0
    assert crop[0, 1, 1, -1, 0] == 127


@pytest.mark.parametrize(("x", "left"), [(60.25, 37), (60.75, 37), (61.25, 38)])
def test_the_mouth_crop_begins_at_the_nearest_pixel(x: float, left: int) -> None:
    """48 px wide: its middle lies 23.5 px behind its first pixel."""
    landmarks = torch.full((1, 1, 68, 2), x)
    columns = torch.arange(128.0).expand(1, 1, 1, 128, 128)
    assert float(crop_mouth(columns, landmarks)[0, 0, 0, 0, 0]) == left


def test_ssim_is_differentiable() -> None:
    video, truth = videos()
    video.requires_grad_()
    (slope,) = torch.autograd.grad(ssim(video, truth).sum(), video)
    assert slope.abs().sum() > 0


def test_wrong_input_is_named() -> None:
    video, truth = videos()
    with pytest.raises(ValueError, match=r"true video: shape .* axis 3 is 2"):
        psnr(video, truth[:, :2])
    with pytest.raises(ValueError, match="float RGB"):
        ssim((video * 255).byte(), (truth * 255).byte())
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim(video[..., :8], truth[..., :8])
