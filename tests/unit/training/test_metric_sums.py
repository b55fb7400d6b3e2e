"""Metrics between two log lines: each counts once, over processes and over a resume."""

from typing import cast

import pytest
import torch
from torch import Tensor

from emotalk.distributed import Runtime
from emotalk.training.metric_sums import MetricSums
from emotalk.training.steps import StepReport

WEIGHTS = {"l1": 0.3, "frame": 0.7}


class Alone:
    """One of several processes, whose peers have the same sums as itself."""

    def __init__(self, processes: int = 1, *, is_main: bool = True) -> None:
        self.processes, self.is_main = processes, is_main
        self.calls = 0

    def sum(self, values: Tensor) -> Tensor:
        self.calls += 1
        return values * self.processes


def sums_of(runtime: Alone, start: dict[str, tuple[float, int]] | None = None) -> MetricSums:
    return MetricSums(cast(Runtime, runtime), start or {})


def report(seed: int) -> StepReport:
    values = torch.rand(3, generator=torch.Generator().manual_seed(seed))
    terms = dict(zip(("l1", "frame", "gradient_penalty"), values.unbind(), strict=True))
    return StepReport(terms, WEIGHTS, grad_norm=0.1 + seed, lr=0.01 / (1 + seed))


def test_every_metric_is_summed_and_the_latest_rate_kept() -> None:
    runtime = Alone()
    sums = sums_of(runtime)
    for seed in (0, 1):
        sums.add("generator", report(seed), valid=3)
    found = sums.read()
    assert runtime.calls == 1, "one call over the processes for everything"
    l1 = sum(float(report(seed).sums["l1"]) / 3 for seed in (0, 1))
    assert found["train/generator/l1"] == pytest.approx((l1, 2))
    assert found["train/generator/l1_weighted"] == pytest.approx((0.3 * l1, 2))
    assert found["train/generator/gradient_penalty_weighted"] == (0.0, 2)
    assert found["train/generator/grad_norm"] == pytest.approx((0.1 + 1.1, 2))
    assert found["train/generator/lr"] == (0.005, 1)
    frame = sum(float(report(seed).sums["frame"]) / 3 for seed in (0, 1))
    assert found["train/generator/total"] == pytest.approx((0.3 * l1 + 0.7 * frame, 2))
    sums.clear()
    assert sums.read() == {}


def test_the_total_is_the_sum_of_the_weighted_terms_in_their_order_to_the_last_bit() -> None:
    weights = {"mouth": 100.0, "l1": 1.0, "frame": 0.01, "emotion": 0.01, "pair": 0.01, "time": 0.3}
    for seed in range(50):
        values = torch.rand(len(weights), generator=torch.Generator().manual_seed(seed))
        terms = dict(zip(weights, values.unbind(), strict=True))
        sums = sums_of(Alone())
        sums.add("generator", StepReport(terms, weights, grad_norm=0.1, lr=0.01), valid=3)
        total = 0.0
        for name, value in terms.items():
            total += weights[name] * (float(value) / 3)
        assert sums.read()["train/generator/total"] == (total, 1)


def test_a_sum_read_and_restored_goes_on_bit_for_bit() -> None:
    unbroken = sums_of(Alone())
    for seed in range(7):
        unbroken.add("generator", report(seed), valid=3)
    first = sums_of(Alone())
    for seed in range(4):
        first.add("generator", report(seed), valid=3)
    second = sums_of(Alone(), first.read())
    for seed in range(4, 7):
        second.add("generator", report(seed), valid=3)
    assert second.read() == unbroken.read()


def test_what_is_restored_counts_once_over_all_processes() -> None:
    start = {"train/generator/l1": (6.0, 2), "train/generator/grad_norm": (4.0, 2)}
    added = float(report(0).sums["l1"]) / 3
    main, other = sums_of(Alone(2), start), sums_of(Alone(2, is_main=False), start)
    for sums in (main, other):
        sums.add("generator", report(0), valid=3)
    # The helper doubles each process's own share: 2 x (6 + a) and 2 x (0 + a), together 2 x real.
    both = main.read()["train/generator/l1"][0] + other.read()["train/generator/l1"][0]
    assert both / 2 == pytest.approx(6.0 + 2 * added)
    assert main.read()["train/generator/grad_norm"] == pytest.approx((4.1, 3))


def test_an_update_without_any_term_adds_its_norm_alone() -> None:
    """As that of the emotion discriminator alone, where no clip of the step has a label."""
    sums = sums_of(Alone())
    sums.add("generator", report(0), valid=3)
    sums.add("generator", StepReport({}, WEIGHTS, grad_norm=0.5, lr=0.1), valid=3)
    found = sums.read()
    assert found["train/generator/grad_norm"] == pytest.approx((0.6, 2))
    assert found["train/generator/l1"] == pytest.approx((float(report(0).sums["l1"]) / 3, 1))
