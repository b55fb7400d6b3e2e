"""Loudness by frame, and the mouth's opening against it."""

import math

import numpy as np
import pytest

from emotalk.metrics.loudness import FLOOR_DB, frame_loudness, loudness_correlation
from emotalk.schema import Floats

FRAMES = 40


def tone(amplitude_T: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Floats:
    t = np.arange(320 * len(amplitude_T)) / 8000
    return (np.repeat(amplitude_T, 320) * np.sin(2 * np.pi * 200 * t)).astype(np.float32)


def test_a_tenth_of_the_amplitude_is_20_db_less() -> None:
    found = frame_loudness(tone(np.array([0.5, 0.05, 0.0, 0.5])))
    assert found.tolist() == pytest.approx([0, -20, FLOOR_DB, 0], abs=1e-3)


def test_a_silent_clip_and_an_incomplete_frame() -> None:
    assert frame_loudness(np.zeros(3 * 320 + 100, np.float32)).tolist() == [FLOOR_DB] * 3
    assert frame_loudness(np.zeros(0, np.float32)).shape == (0,)


def test_a_mouth_that_opens_with_the_loudness_has_1_and_a_still_one_0() -> None:
    loudness = frame_loudness(tone(0.3 + 0.2 * np.sin(np.arange(FRAMES) / 2)))
    voiced = np.ones(FRAMES, np.bool_)
    assert loudness_correlation(0.3 + loudness / 100, loudness, voiced) == pytest.approx(1)
    assert loudness_correlation(np.full(FRAMES, 0.1), loudness, voiced) == 0
    assert math.isnan(loudness_correlation(loudness, np.zeros(FRAMES), voiced))
    assert math.isnan(loudness_correlation(np.full(FRAMES, np.nan), loudness, voiced))
    assert math.isnan(loudness_correlation(loudness, loudness, np.zeros(FRAMES, np.bool_)))
