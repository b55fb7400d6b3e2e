"""Lips in silence: long pauses count, and single frames do not decide."""

import math

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from emotalk.metrics.silence import lip_motion_in_silence, silent_frames


def voiced(
    *stretches: tuple[int, int], frames: int = 75
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask_T = np.zeros(frames, np.bool_)
    for begin, end in stretches:
        mask_T[begin:end] = True
    return mask_T


def test_only_long_pauses_are_silence() -> None:
    found = silent_frames(voiced((8, 30), (37, 60)))
    assert np.flatnonzero(found).tolist() == [*range(8), *range(60, 75)]  # 30..36 is too short
    assert not silent_frames(voiced((0, 75))).any()
    assert silent_frames(voiced()).all()
    assert silent_frames(voiced(frames=0)).shape == (0,)


def test_the_figure_is_scipys_median_distance_from_the_mean() -> None:
    opening = np.random.default_rng(0).gamma(2, 0.02, 75)
    mask_T = voiced((20, 50))
    expected = median_abs_deviation(opening[~mask_T], center=np.mean)
    assert lip_motion_in_silence(opening, mask_T) == pytest.approx(expected)


def test_lips_that_move_while_speaking_only_are_still() -> None:
    opening = np.full(75, 0.02)
    opening[20:50] = np.linspace(0, 0.3, 30)
    assert lip_motion_in_silence(opening, voiced((20, 50))) == pytest.approx(0, abs=1e-12)
    chewing = 0.02 + 0.05 * np.sin(np.arange(75))
    assert lip_motion_in_silence(chewing, voiced((20, 50))) > 0.02


def test_without_silence_or_without_a_face_it_is_undefined() -> None:
    assert math.isnan(lip_motion_in_silence(np.zeros(75), voiced((0, 75))))
    assert math.isnan(lip_motion_in_silence(np.full(75, np.nan), voiced()))
    assert math.isnan(lip_motion_in_silence(np.zeros(5), voiced(frames=5)))
    assert math.isnan(lip_motion_in_silence(np.zeros(0), voiced(frames=0)))
