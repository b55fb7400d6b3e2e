"""The mouth's opening, its correlation with another and its lag."""

import math

import numpy as np
import pytest
from scipy.stats import pearsonr

from emotalk.metrics.lip_sync import (
    MIN_FRAMES,
    best_shift,
    mouth_amplitude,
    mouth_correlation,
    mouth_lag,
    mouth_opening,
)
from emotalk.schema import Doubles


def curve(frames: int = 60, seed: int = 0) -> Doubles:
    steps = np.random.default_rng(seed).normal(size=frames + 4)
    return np.asarray(np.convolve(steps, np.ones(5) / 5, "valid"))


def test_the_opening_is_the_inner_lips_distance_over_the_eyes_distance() -> None:
    landmarks = np.zeros((3, 68, 2))
    landmarks[:, 36], landmarks[:, 45] = (40, 50), (90, 50)
    landmarks[:, 62], landmarks[:, 66] = (64, 90), (64, 90)
    landmarks[1, 66, 1] = 100
    landmarks[2, 66] = (70, 98)
    np.testing.assert_allclose(mouth_opening(landmarks), [0, 0.2, 0.2])


def test_a_frame_without_a_face_has_no_opening() -> None:
    landmarks = np.random.default_rng(0).uniform(0, 128, (3, 68, 2))
    landmarks[1] = np.nan
    assert np.isnan(mouth_opening(landmarks)).tolist() == [False, True, False]
    assert np.isnan(mouth_opening(np.full((2, 68, 2), np.nan))).all()


def test_correlation_equals_scipys_over_the_voiced_frames() -> None:
    generated, truth = curve(seed=1), curve(seed=2)
    voiced = np.arange(60) % 3 > 0
    theirs = pearsonr(generated[voiced], truth[voiced]).statistic
    assert mouth_correlation(generated, truth, voiced) == pytest.approx(theirs)


def test_unvoiced_frames_change_nothing() -> None:
    generated, truth = curve(seed=1), curve(seed=2)
    voiced = np.arange(60) < 40
    before = mouth_correlation(generated, truth, voiced)
    generated[50] = 1000
    truth[55] = np.nan
    assert mouth_correlation(generated, truth, voiced) == before


def test_a_still_generated_mouth_scores_zero_and_a_still_true_one_is_undefined() -> None:
    voiced = np.ones(60, bool)
    assert mouth_correlation(np.full(60, 0.1), curve(), voiced) == 0
    assert math.isnan(mouth_correlation(curve(), np.full(60, 0.1), voiced))


def test_too_few_voiced_frames_are_undefined() -> None:
    assert math.isnan(mouth_correlation(curve(), curve(), np.arange(60) < 7))


def test_the_shorter_video_decides_how_much_is_compared() -> None:
    truth = curve()
    assert mouth_correlation(truth[:30] * 2 + 1, truth, np.ones(60, bool)) == pytest.approx(1)


@pytest.mark.parametrize("late", [-4, -1, 0, 2, 5])
def test_the_lag_says_by_how_many_frames_the_mouth_is_late(late: int) -> None:
    long = curve(80)
    truth, generated = long[10:70], long[10 - late : 70 - late]
    assert best_shift(generated, truth, np.ones(60, bool)) == late
    assert mouth_lag(generated, truth, np.ones(60, bool)) == pytest.approx(late, abs=0.1)


@pytest.mark.parametrize("late", [-3, 0, 3])
def test_the_voiced_frames_are_those_of_the_truth_at_every_lag(late: int) -> None:
    """Where nobody speaks the true mouth does as it likes: none of it may count."""
    long = curve(80)
    truth, generated = long[10:70].copy(), long[10 - late : 70 - late]
    voiced = np.arange(60) % 7 < 5
    truth[~voiced] = 100 * curve(60, seed=3)[~voiced]
    assert best_shift(generated, truth, voiced) == late


def test_a_still_mouth_has_no_lag() -> None:
    assert math.isnan(mouth_lag(np.zeros(60), curve(), np.ones(60, bool)))
    assert best_shift(np.zeros(60), curve(), np.ones(60, bool)) is None


@pytest.mark.parametrize("late", [-2.5, -0.75, 0.25, 0.49, 0.51, 1.75])
def test_parts_of_a_frame_are_told(late: float) -> None:
    """Whole frames alone would be off by up to half a one."""
    times = np.arange(100.0)
    rng = np.random.default_rng(3)
    # The speed of speech: 1 to 5 Hz at 25 frames a second.
    waves = [(rng.uniform(0.04, 0.2), rng.uniform(0, 6)) for _ in range(6)]

    def mouth(at: Doubles) -> Doubles:
        return np.asarray(sum(np.sin(2 * np.pi * rate * at + phase) for rate, phase in waves))

    lag = mouth_lag(mouth(times - late), mouth(times), np.ones(100, bool))
    assert lag == pytest.approx(late, abs=0.12)


def test_a_lag_at_the_end_of_the_reach_is_whole_where_the_peak_lies_beyond() -> None:
    truth = np.sin(np.arange(80) / 6.0)
    assert mouth_lag(np.roll(truth, 5), truth, np.ones(80, bool), reach=2) == 2


@pytest.mark.parametrize(("voiced", "defined"), [(MIN_FRAMES, True), (MIN_FRAMES - 1, False)])
def test_a_third_of_a_second_of_voice_is_enough(voiced: int, defined: bool) -> None:
    truth = np.sin(np.arange(30) / 2.0)
    used = np.arange(30) < voiced
    score = mouth_correlation(0.5 * truth + 1, truth, used)
    assert np.isfinite(score) == defined
    if defined:
        assert score == pytest.approx(1.0)


@pytest.mark.parametrize("late", [-5, -3, 0, 2, 5])
def test_the_lag_is_found_up_to_its_reach_and_late_is_positive(late: int) -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    truth = rng.normal(1, 0.2, 80)
    assert best_shift(np.roll(truth, late), truth, np.full(80, True)) == late


def test_what_moves_less_than_a_tenth_of_the_true_mouth_does_not_move() -> None:
    """Else the landmarks' noise in a frozen picture is correlated, which gives anything."""
    truth = np.sin(np.arange(30) / 2.0)
    every = np.full(30, True)
    assert mouth_correlation(0.09 * truth, truth, every) == 0
    assert mouth_correlation(0.11 * truth, truth, every) == pytest.approx(1)
    assert np.isnan(mouth_correlation(truth, 1e-7 * truth, every))
    assert mouth_correlation(truth, 1e-4 * truth, every) == pytest.approx(1)


def test_a_mouth_further_off_than_eight_frames_is_not_said_to_be() -> None:
    truth = np.random.Generator(np.random.PCG64(4)).normal(1, 0.2, 80)
    for late in (-8, 8):
        assert best_shift(np.roll(truth, late), truth, np.full(80, True)) == late
    assert best_shift(np.roll(truth, 9), truth, np.full(80, True)) != 9
    assert best_shift(np.roll(truth, 9), truth, np.full(80, True), reach=9) == 9


def test_a_nearly_closed_mouth_that_follows_has_correlation_1_and_a_small_amplitude() -> None:
    truth, every = curve(), np.ones(60, bool)
    nearly_closed = 0.1 * truth + 0.02
    assert mouth_correlation(nearly_closed, truth, every) == pytest.approx(1)
    assert mouth_amplitude(nearly_closed, truth, every) == pytest.approx(0.1)
    assert mouth_amplitude(truth + 5, truth, every) == pytest.approx(1)
    assert mouth_amplitude(np.full(60, 0.3), truth, every) == pytest.approx(0, abs=1e-9)


def test_the_amplitude_is_that_of_voiced_frames_with_a_face() -> None:
    generated, truth = curve(seed=1), curve(seed=2)
    voiced = np.arange(60) % 3 > 0
    generated[4] = np.nan
    used = voiced & np.isfinite(generated)
    expected = np.std(generated[used]) / np.std(truth[used])
    generated[0] = 1000  # not voiced
    assert mouth_amplitude(generated, truth, voiced) == pytest.approx(expected)
    assert math.isnan(mouth_amplitude(generated, np.full(60, 0.1), voiced))
    assert math.isnan(mouth_amplitude(generated, truth, np.arange(60) < MIN_FRAMES - 1))
