"""The report's PSNR is reproduced with its fault."""

import math

import numpy as np
import pytest

from emotalk.metrics.as_reported import psnr_of_wrapped_bytes


def test_an_error_of_16_levels_squares_to_256_and_vanishes() -> None:
    truth = np.full((1, 3, 8, 8), 100, np.uint8)
    assert math.isnan(psnr_of_wrapped_bytes(truth + np.uint8(16), truth))
    assert psnr_of_wrapped_bytes(truth + np.uint8(5), truth) == pytest.approx(
        10 * math.log10(255**2 / 25)
    )


def test_a_large_error_reads_far_better_than_it_is() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(60, 190, (4, 3, 32, 32)).astype(np.uint8)
    noise = generator.normal(0, 25, truth.shape)
    video = np.clip(truth + noise, 0, 255).astype(np.uint8)
    honest = 10 * math.log10(255**2 / np.square(video.astype(float) - truth).mean())
    assert honest < 21
    assert psnr_of_wrapped_bytes(video, truth) > honest + 5


def test_floats_cannot_wrap() -> None:
    with pytest.raises(ValueError, match="uint8 frames only"):
        psnr_of_wrapped_bytes(np.zeros((1, 3, 8, 8)), np.zeros((1, 3, 8, 8)))  # type: ignore[arg-type]
