"""Rank correlations against scipy's and by hand."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from emotalk.metrics.rank_correlation import (
    grouped_spearman,
    grouped_spearman_interval,
    spearman,
)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scipy_s_with_ties_too(seed: int) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    asked, seen = generator.integers(0, 5, 30), generator.normal(size=30).round(1)
    expected = spearmanr(asked, seen).statistic
    assert spearman(asked.astype(float), seen) == pytest.approx(expected)


def test_any_rising_relation_is_1_and_a_constant_one_is_undefined() -> None:
    assert spearman([0.2, 0.4, 0.6], [0.01, 0.02, 0.9]) == pytest.approx(1)
    assert spearman([0.2, 0.4, 0.6], [3.0, 2.0, -7.0]) == pytest.approx(-1)
    assert math.isnan(spearman([0.2, 0.4, 0.6], [0.5, 0.5, 0.5]))
    assert math.isnan(spearman([0.2], [0.5]))
    with pytest.raises(ValueError, match="1 values for 2"):
        spearman([0.2], [0.5, 0.1])


def test_a_group_that_lies_higher_gives_no_correlation() -> None:
    """Weak joy is seen better than strong fear; within each, more is seen as less."""
    asked = [0.3, 0.6, 0.7, 1.0]
    seen = [0.2, 0.1, 0.9, 0.8]
    assert spearman(asked, seen) > 0.5
    assert grouped_spearman(asked, seen, ["fear", "fear", "joy", "joy"]) == pytest.approx(-1)
    weighted = grouped_spearman([*asked, 1.2], [*seen, 1.0], ["a", "a", "b", "b", "b"])
    assert weighted == pytest.approx((2 * -1 + 3 * 0.5) / 5)
    assert math.isnan(grouped_spearman([1.0, 1.0], [0.1, 0.2], ["a", "b"]))
    assert math.isnan(grouped_spearman([], [], []))


def test_the_interval_is_over_actors_and_over_values_of_a_single_one() -> None:
    asked, groups = [0.3, 0.6, 1.0] * 4, ["joy"] * 12
    seen = [*[0.1, 0.2, 0.3] * 3, 0.3, 0.2, 0.1]  # three actors show it, one the other way round
    actors = [name for name in "abcd" for _ in range(3)]
    mean, low, high = grouped_spearman_interval(asked, seen, groups, actors, draws=300)
    assert mean == pytest.approx(grouped_spearman(asked, seen, groups))
    assert low < mean < high == pytest.approx(1)
    assert low < 0.1, "all of the resampled actors may be the fourth"
    alone = grouped_spearman_interval(asked, seen, groups, ["a"] * 12, draws=300)
    assert alone[0] == mean
    assert alone[1] < mean < alone[2]
    nothing = grouped_spearman_interval([], [], [], [])
    assert all(math.isnan(number) for number in nothing)
