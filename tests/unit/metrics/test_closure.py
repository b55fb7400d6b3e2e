"""Whether the mouth is shut on P, B and M, from openings alone."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from emotalk.metrics.closure import closure_auc, closure_rate, opening_at, shut_limit


def test_the_opening_is_read_between_the_middles_of_frames() -> None:
    opening = np.array([0.0, 1.0, 3.0])
    times = [0.02, 0.06, 0.08, 0.1]
    np.testing.assert_allclose(opening_at(opening, times), [0, 1, 2, 3])
    assert opening_at(opening, [0.0])[0] == 0  # within the first frame
    assert np.isnan(opening_at(opening, [-0.01, 0.13])).all()
    assert opening_at(np.zeros(0), [0.1]).shape == (1,)


def test_a_frame_without_a_face_gives_no_opening() -> None:
    opening = np.array([0.1, np.nan, 0.3, 0.4])
    assert np.isnan(opening_at(opening, [0.04, 0.08])).all()
    assert opening_at(opening, [0.12])[0] == pytest.approx(0.35)


def test_the_auc_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    shut, opened = rng.normal(0, 1, 40).round(1), rng.normal(1, 1, 60).round(1)
    labels = np.repeat([0, 1], [40, 60])
    expected = roc_auc_score(labels, np.concatenate([shut, opened]))
    assert closure_auc(shut, opened) == pytest.approx(expected)
    assert closure_auc(np.append(shut, np.nan), opened) == pytest.approx(expected)


def test_a_still_mouth_is_at_chance_and_one_kind_of_sound_says_nothing() -> None:
    assert closure_auc(np.full(3, 0.1), np.full(5, 0.1)) == 0.5
    assert math.isnan(closure_auc(np.zeros(0), np.ones(2)))
    assert math.isnan(closure_auc(np.ones(2), np.full(2, np.nan)))


def test_a_trembling_mouth_is_at_chance() -> None:
    """With the smallest of several frames for the shut sounds it would be above."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(300):
        opening = rng.normal(0.1, 0.02, 75)
        times = rng.uniform(0.2, 2.8, 10)
        found.append(
            closure_auc(opening_at(opening, list(times[:3])), opening_at(opening, list(times[3:])))
        )
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_the_limit_has_the_best_youden_index_of_all() -> None:
    rng = np.random.default_rng(1)
    shut, opened = rng.normal(0.05, 0.03, 50), rng.normal(0.15, 0.04, 80)
    limit = shut_limit(shut, opened)
    labels = np.repeat([0, 1], [50, 80])
    wrong, right, _ = roc_curve(labels, np.concatenate([shut, opened]), drop_intermediate=False)
    assert (shut <= limit).mean() - (opened <= limit).mean() == pytest.approx((right - wrong).max())
    assert shut_limit(np.array([0.1]), np.array([0.3])) == pytest.approx(0.2)
    assert math.isnan(shut_limit(np.zeros(0), opened))


def test_the_rate_counts_sounds_below_the_limit() -> None:
    shut = np.array([0.1, 0.2, 0.3, np.nan])
    assert closure_rate(shut, 0.2) == pytest.approx(2 / 3)
    assert math.isnan(closure_rate(np.zeros(0), 0.2))
    assert math.isnan(closure_rate(shut, math.nan))
