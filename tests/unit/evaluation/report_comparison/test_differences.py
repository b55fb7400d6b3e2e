"""Differences are paired by clip, know which direction is better, and do not decide on a few."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from emotalk.evaluation.comparison import Quantity
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_comparison import differences as module
from emotalk.evaluation.report_comparison.compare import compare_figures
from emotalk.evaluation.report_comparison.differences import Difference
from tests.helpers.made_reports import made_report

QUANTITIES = {
    "more": Quantity("more", "higher", 2),
    "less": Quantity("less", "lower", 2),
    "one": Quantity("one", "near_1", 2),
    "true": Quantity("true", "near_truth", 2),
}


@pytest.fixture(autouse=True)
def four_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "quantities", lambda: QUANTITIES)


def reports(name: str, a: list[float], b: list[float], truth: float = 0.0) -> tuple[Report, Report]:
    keys = [f"clip{number:02}" for number in range(len(a))]
    true = {key: {name: truth} for key in keys}

    def report(values: list[float]) -> Report:
        rows = {key: {name: value} for key, value in zip(keys, values, strict=True)}
        return made_report(rows, truth=true)

    return report(a), report(b)


def compared(name: str, a: list[float], b: list[float], truth: float = 0.0) -> Difference:
    return compare_figures(*reports(name, a, b, truth), seed=0).differences[name]


@pytest.mark.parametrize(
    ("name", "a", "b", "truth", "verdict"),
    [
        ("more", 1.0, 2.0, 0.0, "B"),
        ("more", 2.0, 1.0, 0.0, "A"),
        ("less", 1.0, 2.0, 0.0, "A"),
        ("less", 2.0, 1.0, 0.0, "B"),
        ("one", 0.5, 1.2, 0.0, "B"),
        ("one", 1.1, 0.8, 0.0, "A"),
        ("true", 5.0, 7.0, 6.5, "B"),
        ("true", 6.0, 8.0, 6.5, "A"),
    ],
)
def test_the_better_direction_decides(
    name: str, a: float, b: float, truth: float, verdict: str
) -> None:
    noise = np.linspace(-0.01, 0.01, 8)
    found = compared(name, list(a + noise), list(b - noise), truth)
    assert found.verdict == verdict
    assert found.b_better == (8 if verdict == "B" else 0)


def test_the_interval_is_scipys_of_the_paired_differences() -> None:
    rng = np.random.default_rng(0)
    clip = rng.normal(20, 5, 40)  # clips differ much more than the two models do
    a, b = clip + rng.normal(0, 0.3, 40), clip + 0.4 + rng.normal(0, 0.3, 40)
    found = compared("more", list(a), list(b))
    interval = bootstrap(
        (b - a,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.difference.mean == pytest.approx((b - a).mean())
    assert found.difference.low == pytest.approx(interval.low, abs=0.02)
    assert found.difference.high == pytest.approx(interval.high, abs=0.02)
    assert found.verdict == "B"
    assert found.b_better == int((b > a).sum())


def test_an_interval_that_holds_0_is_undecided() -> None:
    values = [1.0, -1.0] * 6
    assert compared("more", [0.0] * 12, values).verdict == "undecided"


@pytest.mark.parametrize(("clips", "verdict"), [(5, "undecided"), (6, "B")])
def test_fewer_than_six_actors_decide_nothing(clips: int, verdict: str) -> None:
    assert compared("more", [1.0] * clips, [2.0] * clips).verdict == verdict


def test_clips_of_few_actors_are_no_further_actors() -> None:
    keys = [f"clip{number:02}" for number in range(20)]
    a, b = (
        made_report({key: {"more": value} for key in keys}, actors=["x", "y"] * 10)
        for value in (1.0, 2.0)
    )
    assert compare_figures(a, b, seed=0).differences["more"].verdict == "undecided"
    a, b = (
        made_report({key: {"more": value} for key in keys}, actors=["x"] * 20)
        for value in (1.0, 2.0)
    )
    found = compare_figures(a, b, seed=0).differences["more"]
    assert (found.verdict, found.difference.over) == ("B", "clips")


def test_a_clip_without_a_value_in_one_report_counts_in_neither() -> None:
    keys = [f"clip{number}" for number in range(8)]
    a = made_report({key: {"more": 1.0} for key in keys})
    b = made_report({key: {"more": None if key == "clip3" else 2.0} for key in keys})
    found = compare_figures(a, b, seed=0).differences["more"]
    assert (found.a.clips, found.b.clips, found.difference.clips) == (7, 7, 7)
    assert found.difference.undefined == 1


def test_without_any_value_a_quantity_is_undefined_and_others_are_absent() -> None:
    a = made_report({"x": {"more": None}})
    found = compare_figures(a, a, seed=0).differences
    assert [*found] == ["more"]
    assert found["more"].verdict == "undefined"
