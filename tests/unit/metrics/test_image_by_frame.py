"""PSNR and SSIM frame by frame give the numbers of the tensor forms and of scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from emotalk.metrics.image import psnr, ssim
from emotalk.metrics.image_by_frame import frame_psnr, frame_ssim
from emotalk.schema import Bytes, Doubles


def smooth(seed: int, *, height: int = 40, width: int = 48, frames: int = 4) -> Bytes:
    """Return smooth noise, (T, H, W, 3)."""
    small = np.random.Generator(np.random.PCG64(seed)).random((frames, height // 8, width // 8, 3))
    noise = small.repeat(8, 1).repeat(8, 2) * 0.8
    fine = np.random.Generator(np.random.PCG64(seed + 1)).random(noise.shape) * 0.2
    return as_bytes(noise + fine)


def as_bytes(video_THWC: Doubles) -> Bytes:
    return (video_THWC * 255).round().astype(np.uint8)


def flat(grey: int, noise: int, seed: int) -> Bytes:
    """Return one grey with whole noise, clipped, (T, H, W, 3)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    added = rng.integers(-noise, noise + 1, (2, 64, 64, 3))
    return (grey + added).clip(0, 255).astype(np.uint8)


def as_tensor(video_THWC: Bytes) -> torch.Tensor:
    return torch.from_numpy(video_THWC).permute(0, 3, 1, 2)[None].double() / 255


def ssim_of_scikit_image(video_THWC: Bytes, truth_THWC: Bytes) -> float:
    """Return the mean over frames, in float64."""
    values = [
        structural_similarity(
            a.astype(float), b.astype(float), channel_axis=2, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, data_range=255.0,
        )
        for a, b in zip(video_THWC, truth_THWC, strict=True)
    ]  # fmt: skip
    return float(np.mean(values))


def videos() -> tuple[list[Bytes], Bytes]:
    truth = smooth(0)
    near = np.clip(truth / 255 + 0.05 * (smooth(5) / 255 - 0.5), 0, 1)
    return [as_bytes(near), smooth(9), truth, np.zeros_like(truth)], truth


def test_ssim_by_frame_is_that_of_the_tensors_and_of_scikit_image() -> None:
    rows, truth = videos()
    found = frame_ssim(rows, truth)
    assert found[2] == pytest.approx(1, abs=1e-12)
    for value, video in zip(found, rows, strict=True):
        assert value == pytest.approx(ssim(as_tensor(video), as_tensor(truth)).item(), abs=1e-6)
        assert value == pytest.approx(ssim_of_scikit_image(video, truth), abs=1e-6)


def test_psnr_by_frame_is_that_of_the_tensors_and_of_scikit_image() -> None:
    rows, truth = videos()
    found = frame_psnr(rows, truth)
    assert found[2] == math.inf
    for value, video in zip(found[[0, 1, 3]], [rows[0], rows[1], rows[3]], strict=True):
        theirs = peak_signal_noise_ratio(truth, video, data_range=255)
        assert value == pytest.approx(theirs, abs=1e-9)
        assert value == pytest.approx(psnr(as_tensor(video), as_tensor(truth)).item(), abs=1e-5)


def test_one_row_more_does_not_change_another_s_figures() -> None:
    rows, truth = videos()
    np.testing.assert_array_equal(frame_ssim(rows, truth)[1:2], frame_ssim(rows[1:2], truth))
    np.testing.assert_array_equal(frame_psnr(rows, truth)[1:2], frame_psnr(rows[1:2], truth))


@pytest.mark.parametrize("grey", [0, 40, 128, 200, 255])
def test_flat_frames_keep_their_digits_at_every_brightness(grey: int) -> None:
    """Where contrast is below the constants, squares in float32 would lose what differs."""
    truth, video = flat(grey, 3, seed=0), flat(grey, 3, seed=1)
    theirs = ssim_of_scikit_image(video, truth)
    assert theirs < 0.97
    assert frame_ssim([video], truth)[0] == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("invert", [False, True])
def test_products_do_not_overflow_where_few_dark_or_bright_pixels_are_far_from_the_mean(
    invert: bool,
) -> None:
    videos = []
    for seed in (0, 1):
        video = np.full((2, 64, 64, 3), 255, np.uint8)
        video[:, :, :14] = flat(0, 9, seed)[:, :, :14]
        videos.append(255 - video if invert else video)
    theirs = ssim_of_scikit_image(*videos)
    assert frame_ssim(videos[:1], videos[1])[0] == pytest.approx(theirs, abs=1e-6)


def test_videos_of_another_size_are_named() -> None:
    with pytest.raises(ValueError, match="video: shape"):
        frame_ssim([smooth(0, frames=3)], smooth(0))
    with pytest.raises(ValueError, match="video: shape"):
        frame_psnr([smooth(0, height=32)], smooth(0))


def test_the_largest_error_of_bytes_does_not_overflow() -> None:
    white = np.full((1, 128, 128, 3), 255, np.uint8)
    assert frame_psnr([np.zeros_like(white)], white)[0] == pytest.approx(0, abs=1e-12)


def test_flat_bright_halves_keep_their_digits() -> None:
    """A frame's level cannot be near both halves; squares of what is left would cost digits."""
    truth = np.full((1, 64, 64, 3), 230, np.uint8)
    truth[:, :, 30:] = 40
    video = truth - 33
    theirs = ssim_of_scikit_image(video, truth)
    assert frame_ssim([video], truth)[0] == pytest.approx(theirs, abs=6e-6)


def test_floats_are_refused() -> None:
    truth = smooth(0)
    for measure in (frame_psnr, frame_ssim):
        with pytest.raises(ValueError, match=r"^video: float32; bytes"):
            measure([truth.astype(np.float32)], truth)
        with pytest.raises(ValueError, match=r"^true video: float32; bytes"):
            measure([truth], truth.astype(np.float32))
