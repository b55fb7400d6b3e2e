"""Histograms: every clip is counted once, in its place, and the limit stands where it is."""

import dataclasses

import numpy as np
import pytest

from emotalk.quality_report.histogram import HEIGHT, WIDTH, histogram
from emotalk.quality_report.measure_views import VIEWS, MeasureView, is_beyond
from emotalk.shards.measures import LARGEST, MEASURES

FACE = next(view for view in VIEWS if view.name == "face_pixels")
SHARP = next(view for view in VIEWS if view.name == "sharpness")
LENGTH = next(view for view in VIEWS if view.name == "seconds")
OFFSET = next(view for view in VIEWS if view.name == "sync_offset")


def counted(words: str) -> tuple[int, int]:
    """Return the accepted and rejected clips of a bar by its words."""
    accepted, rejected = words.split(": ")[1].split(", ")
    return int(accepted.split()[0]), int(rejected.split()[0])


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_clip_is_counted_once(view: MeasureView) -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    accepted = np.round(rng.gamma(3.0, 2.0, 500), 0 if view.whole else 3).tolist()
    rejected = np.round(rng.gamma(1.0, 1.0, 60), 0 if view.whole else 3).tolist()
    chart = histogram(view, accepted, rejected, {})
    counts = np.array([counted(bar.words) for bar in chart.bars])
    assert counts.sum(0).tolist() == [500, 60]
    assert chart.highest == counts.sum(1).max()
    for bar, (kept, left_out) in zip(chart.bars, counts, strict=True):
        low, high = (float(edge) for edge in bar.words.split(":")[0].split(" to "))
        inside = [
            value for value in accepted if low <= value < high or value == high == max(accepted)
        ]
        if not view.log:
            assert abs(len(inside) - kept) <= 1  # the words are rounded
        assert bar.accepted == pytest.approx(
            max(2, kept / chart.highest * HEIGHT) * (kept > 0), abs=0.01
        )
        assert (bar.rejected > 0) == (left_out > 0)
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH + 0.01


def test_bars_and_limit_stand_where_the_axis_says() -> None:
    chart = histogram(FACE, [100.0] * 3 + [180.0], [40.0], {"min_face_pixels": 48.0})
    ticks = {float(text): x for x, text in chart.ticks}
    (low, x_low), (high, x_high) = min(ticks.items()), max(ticks.items())

    def place(value: float) -> float:
        return x_low + (value - low) / (high - low) * (x_high - x_low)

    assert chart.lines[0].x == pytest.approx(place(48), abs=0.05)
    assert not chart.lines[0].outside
    assert "min_face_pixels = 48" in chart.lines[0].words
    for value, bar in zip((40, 100, 180), chart.bars, strict=True):
        assert bar.x - 0.05 <= place(value) <= bar.x + bar.width + 0.05
    assert [counted(bar.words) for bar in chart.bars] == [(0, 1), (3, 0), (1, 0)]
    assert chart.bars[1].accepted == HEIGHT
    assert chart.beyond == "1 beyond the limit (20.0%)"
    assert chart.summary == "5 clips, median 100 px, from 40 px to 180 px"


def test_a_limit_far_outside_is_at_the_edge_and_said_to_be_outside() -> None:
    chart = histogram(LENGTH, [2.0, 2.5, 3.0], [], {"min_seconds": 0.4, "max_seconds": 60.0})
    near, far = chart.lines
    assert (near.outside, far.outside) == (False, True)
    assert far.x == WIDTH
    assert (near.words, far.words) == ("min_seconds = 0.4", "max_seconds = 60 →")
    assert chart.beyond == "none beyond"


def test_powers_of_ten_are_evenly_spaced() -> None:
    chart = histogram(SHARP, [0.001, 0.01, 0.1, 1.0], [0.0], {"min_sharpness": 0.004})
    x = {text: place for place, text in chart.ticks}
    steps = [x["0.01"] - x["0.001"], x["0.1"] - x["0.01"], x["1"] - x["0.1"]]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.05)
    assert chart.lines[0].x == pytest.approx(x["0.001"] + np.log10(4) * steps[0], abs=0.05)
    assert chart.beyond.startswith("2 beyond")


def test_whole_numbers_have_a_bar_each() -> None:
    chart = histogram(OFFSET, [-2.0, 0.0, 0.0, 1.0, 5.0], [], {})
    assert [counted(bar.words)[0] for bar in chart.bars] == [1, 2, 1, 1]
    middles = [bar.x + bar.width / 2 for bar in chart.bars]
    steps = np.diff(middles) / chart.bars[0].width
    assert steps == pytest.approx([2, 1, 4], abs=0.05)


def test_a_limit_of_0_is_off_and_one_that_the_set_lacks_is_none() -> None:
    for limits in ({}, {"min_face_pixels": 0.0}):
        assert histogram(FACE, [10.0], [], limits).lines == ()
        assert histogram(FACE, [10.0], [], limits).beyond == ""
        assert not is_beyond(FACE, 10.0, limits)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("values", [[0.0], [3.0] * 9, [-LARGEST, LARGEST], [1e-300, LARGEST]])
def test_no_value_breaks_it(view: MeasureView, values: list[float]) -> None:
    limits = dict.fromkeys((view.low, view.high), LARGEST)
    chart = histogram(view, values, [], limits)
    assert 0 < len(chart.bars) <= 2
    numbers = [n for bar in chart.bars for n in dataclasses.astuple(bar)[:4]]
    assert np.isfinite([*numbers, *(line.x for line in chart.lines)]).all()
    assert len(chart.ticks) <= 40


def test_the_first_and_last_value_are_counted_though_edges_are_rounded() -> None:
    chart = histogram(FACE, [1.9, 2.2, 2.45], [], {})  # the first edge is 1.9000000000000001
    assert sum(counted(bar.words)[0] for bar in chart.bars) == 3


def test_every_measure_is_shown() -> None:
    assert {view.name for view in VIEWS} == {*MEASURES}
