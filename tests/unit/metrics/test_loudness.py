"""Loudness by frame, and the mouth's opening against it."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from emotalk.metrics.loudness import FLOOR_DB, frame_loudness, loudness_correlation
from emotalk.schema import Doubles, Floats

FRAMES = 40
Mask = NDArray[np.bool_]


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
    truth = 0.3 + loudness / 100

    def found(opening: Doubles, heard: Doubles = loudness, used: Mask = voiced) -> float:
        return loudness_correlation(opening, heard, used, truth_T=truth)

    assert found(truth) == pytest.approx(1)
    assert found(np.full(FRAMES, 0.1)) == 0
    assert math.isnan(found(truth, np.zeros(FRAMES)))
    assert math.isnan(found(np.full(FRAMES, np.nan)))
    assert math.isnan(found(truth, used=np.zeros(FRAMES, np.bool_)))


def test_the_noise_of_a_frozen_pictures_landmarks_does_not_follow_the_loudness() -> None:
    """Encoded stills of eight real clips had -0.15 by chance, far below the true clips' 0.38."""
    loudness = frame_loudness(tone(0.3 + 0.2 * np.sin(np.arange(FRAMES) / 2)))
    truth, voiced = 0.3 + loudness / 100, np.ones(FRAMES, np.bool_)
    tremor = 0.3 + 0.05 * (truth - truth.mean())
    assert loudness_correlation(tremor, loudness, voiced, truth_T=truth) == 0
    assert loudness_correlation(3 * tremor, loudness, voiced, truth_T=truth) == pytest.approx(1)
