"""Intervals are over actors, and over clips only where there is one actor."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from emotalk.metrics.bootstrap import bootstrap_over_actors, bootstrap_ratio


def test_the_interval_is_wider_when_clips_of_an_actor_agree() -> None:
    generator = np.random.default_rng(0)
    by_actor = np.repeat(generator.normal(size=10), 8)
    actors = [str(actor) for actor in np.repeat(np.arange(10), 8)]
    clustered = bootstrap_over_actors(by_actor, actors)
    independent = bootstrap_over_actors(generator.permutation(by_actor), actors)
    assert clustered.mean == pytest.approx(by_actor.mean())
    assert clustered.high - clustered.low > 1.5 * (independent.high - independent.low)


def test_the_interval_covers_95_percent_for_many_actors() -> None:
    """For one clip an actor the half width must be about 1.96 standard errors."""
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    estimate = bootstrap_over_actors(values, [str(i) for i in range(400)])
    error = values.std() / math.sqrt(400)
    assert estimate.high - estimate.mean == pytest.approx(1.96 * error, rel=0.08)
    assert estimate.mean - estimate.low == pytest.approx(1.96 * error, rel=0.08)


def test_the_same_seed_gives_the_same_interval_in_any_order_of_actors() -> None:
    values, actors = [float(i * i) for i in range(20)], [f"actor {i % 9}" for i in range(20)]
    turned = bootstrap_over_actors(values[::-1], actors[::-1], seed=4)
    assert bootstrap_over_actors(values, actors, seed=4) == turned
    assert bootstrap_over_actors(values, actors, seed=5) != turned


def test_undefined_clips_are_left_out_and_counted() -> None:
    estimate = bootstrap_over_actors([1.0, math.nan, 3.0, math.inf], ["a", "a", "b", "b"])
    assert (estimate.mean, estimate.clips, estimate.undefined, estimate.actors) == (2, 2, 2, 2)
    nothing = bootstrap_over_actors([math.nan], ["a"])
    assert math.isnan(nothing.mean)
    assert (nothing.clips, nothing.undefined) == (0, 1)


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 values for 1 actors"):
        bootstrap_over_actors([1.0, 2.0], ["a"])


def test_an_actor_weighs_by_the_number_of_clips() -> None:
    """Two actors are drawn as aa, ab, ba or bb: means 0, 0.9, 0.9 and 1."""
    estimate = bootstrap_over_actors([0.0] + [1.0] * 9, ["a"] + ["b"] * 9)
    assert (estimate.low, estimate.mean, estimate.high) == (0.0, 0.9, 1.0)


def test_with_one_actor_the_clips_are_resampled_as_scipy_does() -> None:
    values = np.random.default_rng(2).gamma(2.0, size=60)
    estimate = bootstrap_over_actors(values, ["a"] * 60)
    reference = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20000, rng=np.random.default_rng(3)
    ).confidence_interval
    assert (estimate.over, estimate.actors) == ("clips", 1)
    assert estimate.low == pytest.approx(reference.low, abs=0.05)
    assert estimate.high == pytest.approx(reference.high, abs=0.05)
    assert bootstrap_over_actors([1.0, 2.0], ["a", "b"]).over == "actors"


def test_actors_without_a_value_do_not_count() -> None:
    estimate = bootstrap_over_actors([1.0, 2.0, math.nan], ["a", "a", "b"])
    assert (estimate.over, estimate.actors) == ("clips", 1)
    assert estimate.low < 1.5 < estimate.high


def test_the_ratio_is_of_sums_and_its_interval_as_scipys() -> None:
    rng = np.random.default_rng(4)
    below = rng.gamma(4.0, size=50)
    above = 0.2 * below + rng.normal(0, 0.3, 50)
    share, low, high = bootstrap_ratio(above, below, [str(place) for place in range(50)], seed=0)
    reference = bootstrap(
        (above, below), lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True,
        method="percentile", n_resamples=20000, rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert share == pytest.approx(above.sum() / below.sum())
    assert low == pytest.approx(reference.low, abs=0.02)
    assert high == pytest.approx(reference.high, abs=0.02)


def test_a_ratio_without_anything_below_is_refused() -> None:
    with pytest.raises(ValueError, match="positive sum"):
        bootstrap_ratio([1.0], [0.0], ["a"], seed=0)
    with pytest.raises(ValueError, match="2 and 1 values for 1 groups"):
        bootstrap_ratio([1.0, 2.0], [1.0], ["a"], seed=0)
