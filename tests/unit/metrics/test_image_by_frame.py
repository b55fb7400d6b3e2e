"""PSNR and SSIM frame by frame give the numbers of the tensor forms and of scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from emotalk.metrics.image import psnr, ssim
from emotalk.metrics.image_by_frame import frame_psnr, frame_ssim
from emotalk.schema import Bytes, Floats


def smooth(seed: int, *, height: int = 40, width: int = 48, frames: int = 4) -> Floats:
    """Return smooth noise in [0, 1], (T, H, W, 3)."""
    small = np.random.Generator(np.random.PCG64(seed)).random((frames, height // 8, width // 8, 3))
    noise = small.repeat(8, 1).repeat(8, 2) * 0.8
    fine = np.random.Generator(np.random.PCG64(seed + 1)).random(noise.shape) * 0.2
    return (noise + fine).astype(np.float32)


def as_tensor(video_THWC: Floats) -> torch.Tensor:
    return torch.from_numpy(video_THWC).permute(0, 3, 1, 2)[None].double()


def videos() -> tuple[list[Floats], Floats]:
    truth = smooth(0)
    near = np.clip(truth + 0.05 * (smooth(5) - 0.5), 0, 1).astype(np.float32)
    return [near, smooth(9), truth, np.zeros_like(truth)], truth


def test_ssim_by_frame_is_that_of_the_tensors_and_of_scikit_image() -> None:
    rows, truth = videos()
    found = frame_ssim(rows, truth)
    for value, video in zip(found, rows, strict=True):
        assert value == pytest.approx(ssim(as_tensor(video), as_tensor(truth)).item(), abs=1e-6)
        theirs = [
            structural_similarity(
                a.astype(float), b.astype(float), channel_axis=2, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False, data_range=1.0,
            )
            for a, b in zip(video, truth, strict=True)
        ]  # fmt: skip
        assert value == pytest.approx(np.mean(theirs), abs=1e-6)


def test_psnr_by_frame_is_that_of_the_tensors_and_of_scikit_image() -> None:
    rows, truth = videos()
    found = frame_psnr(rows, truth)
    assert found[2] == math.inf
    for value, video in zip(found[[0, 1, 3]], [rows[0], rows[1], rows[3]], strict=True):
        theirs = peak_signal_noise_ratio(truth.astype(float), video.astype(float), data_range=1.0)
        assert value == pytest.approx(theirs, abs=1e-5)
        assert value == pytest.approx(psnr(as_tensor(video), as_tensor(truth)).item(), abs=1e-5)


def test_one_row_more_does_not_change_another_s_figures() -> None:
    rows, truth = videos()
    np.testing.assert_array_equal(frame_ssim(rows, truth)[1:2], frame_ssim(rows[1:2], truth))
    np.testing.assert_array_equal(frame_psnr(rows, truth)[1:2], frame_psnr(rows[1:2], truth))


def test_flat_dark_frames_keep_their_digits() -> None:
    """Where contrast is far below the constants, float32 squares would lose what differs."""
    truth = np.full((1, 32, 32, 3), 0.9, np.float32)
    truth[:, ::2] += np.float32(1e-3)
    video = truth[:, ::-1].copy()
    expected = ssim(as_tensor(video), as_tensor(truth)).item()
    assert frame_ssim([video], truth)[0] == pytest.approx(expected, abs=1e-6)


def test_videos_of_another_size_are_named() -> None:
    with pytest.raises(ValueError, match="video: shape"):
        frame_ssim([smooth(0, frames=3)], smooth(0))
    with pytest.raises(ValueError, match="video: shape"):
        frame_psnr([smooth(0, height=32)], smooth(0))


def as_bytes(video_THWC: Floats) -> Bytes:
    return (video_THWC * 255).round().astype(np.uint8)


def test_bytes_have_scikit_image_s_figures_with_their_own_data_range() -> None:
    rows, truth = [as_bytes(video) for video in videos()[0]], as_bytes(videos()[1])
    structure, noise = frame_ssim(rows, truth), frame_psnr(rows, truth)
    for value, level, video in zip(structure, noise, rows, strict=True):
        theirs = [
            structural_similarity(
                a.astype(float), b.astype(float), channel_axis=2, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False, data_range=255.0,
            )
            for a, b in zip(video, truth, strict=True)
        ]  # fmt: skip
        assert value == pytest.approx(np.mean(theirs), abs=1e-6)
        if not np.array_equal(video, truth):
            expected = peak_signal_noise_ratio(truth, video, data_range=255)
            assert level == pytest.approx(expected, abs=1e-9)
    assert structure[2] == pytest.approx(1, abs=1e-12)
    assert noise[2] == math.inf


def test_the_largest_error_of_bytes_does_not_overflow() -> None:
    white = np.full((1, 128, 128, 3), 255, np.uint8)
    assert frame_psnr([np.zeros_like(white)], white)[0] == pytest.approx(0, abs=1e-12)


def test_flat_bright_halves_keep_their_digits() -> None:
    """A frame's level cannot be near both halves; squares of what is left would cost digits."""
    truth = np.full((1, 64, 64, 3), 230, np.uint8)
    truth[:, :, 30:] = 40
    video = truth - 33
    theirs = structural_similarity(
        video[0].astype(float), truth[0].astype(float), channel_axis=2, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False, data_range=255.0,
    )  # fmt: skip
    assert frame_ssim([video], truth)[0] == pytest.approx(theirs, abs=4e-6)


def test_bytes_beside_floats_are_refused() -> None:
    truth = smooth(0)
    for measure in (frame_psnr, frame_ssim):
        with pytest.raises(ValueError, match="uint8, but the true video is float32"):
            measure([as_bytes(truth)], truth)
