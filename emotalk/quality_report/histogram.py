"""Compute the geometry of a histogram with limits; the page's template draws it as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from emotalk.counted import counted
from emotalk.quality_report.measure_views import MeasureView, is_beyond, limits_of
from emotalk.schema import Doubles

BINS, TICKS = 32, 5
STEPS = (1, 2, 2.5, 5, 10)
WIDTH, HEIGHT = 320.0, 110.0  # of the plot in units of the SVG
SHORTEST = 2.0  # height of a bar that is not empty
SMALLEST = 1e-4  # on a scale of powers of ten
REACH = 4.0  # of the values' range: on an even scale a limit further off lies outside the axis


@dataclass(frozen=True)
class Bar:
    """The clips of one interval: accepted ones below, rejected ones above."""

    x: float
    width: float
    accepted: float  # height
    rejected: float  # height
    words: str  # interval and counts


@dataclass(frozen=True)
class LimitLine:
    """A limit; x is the edge of the plot where it lies outside the axis."""

    x: float
    words: str
    outside: bool


@dataclass(frozen=True)
class Histogram:
    """A histogram in units of its SVG, y upwards from 0."""

    title: str
    meaning: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]  # x and text
    lines: tuple[LimitLine, ...]
    highest: int  # number of clips in the fullest interval
    summary: str  # median and range
    beyond: str  # clips beyond the limits; empty without limits


def histogram(
    view: MeasureView,
    accepted: Sequence[float],
    rejected: Sequence[float],
    limits: Mapping[str, float],
) -> Histogram:
    """Return the histogram of a measure's values, at least one, of accepted and rejected clips."""
    scale = _Scale(view, [*accepted, *rejected], limits)
    counts = [scale.count(values) for values in (accepted, rejected)]
    highest = int((counts[0] + counts[1]).max())
    heights = [_heights(count, highest) for count in counts]
    bars = [
        Bar(
            x=scale.x(left),
            width=scale.x(right) - scale.x(left),
            accepted=float(heights[0][index]),
            rejected=float(heights[1][index]),
            words=f"{scale.text(left)} to {scale.text(right)}: {counts[0][index]:.0f} accepted, "
            f"{counts[1][index]:.0f} rejected",
        )
        for index, (left, right) in enumerate(zip(scale.edges[:-1], scale.edges[1:], strict=True))
        if counts[0][index] + counts[1][index]
    ]
    values = np.sort([*accepted, *rejected])
    shown = [view.form.format(value) for value in (np.median(values), values[0], values[-1])]
    return Histogram(
        title=view.title,
        meaning=view.meaning,
        bars=tuple(bars),
        ticks=tuple((scale.x(tick), scale.text(tick)) for tick in scale.ticks),
        lines=tuple(scale.line(name, value) for name, value in limits_of(view, limits)),
        highest=highest,
        summary=f"{counted(values.size, 'clip')}, median {shown[0]}, from {shown[1]} to {shown[2]}",
        beyond=_beyond(view, values, limits),
    )


class _Scale:
    """The axis of a histogram: its intervals, its ticks, and the place of a value."""

    def __init__(
        self, view: MeasureView, values: Sequence[float], limits: Mapping[str, float]
    ) -> None:
        self._view = view
        found = self._placed(values)
        low, high = float(found.min()), float(found.max())
        reach = max(high - low, 1e-3 * max(abs(low), abs(high), SMALLEST)) * REACH
        places = [float(self._placed([value])[0]) for _, value in limits_of(view, limits)]
        near = [place for place in places if view.log or low - reach <= place <= high + reach]
        low, high = min([low, *near]), max([high, *near])
        if high == low:
            low, high = low - reach, high + reach
        self.edges = self._edges(low, high)
        self.ticks = self._ticks()

    def _edges(self, low: float, high: float) -> Doubles:
        if self._view.whole and high - low < BINS:
            return np.arange(math.floor(low), math.ceil(high) + 2, dtype=np.float64) - 0.5
        return np.asarray(MaxNLocator(BINS, steps=STEPS).tick_values(low, high), np.float64)

    def count(self, values: Sequence[float]) -> Doubles:
        """Return the number of values in each interval."""
        inside = np.clip(self._placed(values), self.edges[0], self.edges[-1])
        return np.asarray(np.histogram(inside, self.edges)[0], np.float64)

    def x(self, place: float) -> float:
        """Return the x of a place on the axis."""
        first, last = self.edges[0], self.edges[-1]
        return round(float((place - first) / (last - first)) * WIDTH, 2)

    def text(self, place: float) -> str:
        """Return a place of the axis as a number."""
        return f"{10**place if self._view.log else place:.4g}"

    def line(self, name: str, value: float) -> LimitLine:
        """Return the line of a limit."""
        x = self.x(float(self._placed([value])[0]))
        inside = min(max(x, 0.0), WIDTH)
        words = f"{name} = {value:g}"
        arrow = f"← {words}" if x < 0 else f"{words} →" if x > WIDTH else words
        return LimitLine(inside, arrow, outside=inside != x)

    def _placed(self, values: Sequence[float]) -> Doubles:
        found: Doubles = np.asarray(values, np.float64)
        return np.log10(np.maximum(found, SMALLEST)) if self._view.log else found

    def _ticks(self) -> list[float]:
        first, last = self.edges[0], self.edges[-1]
        if not self._view.log:
            ticks = list(map(float, MaxNLocator(TICKS, steps=STEPS).tick_values(first, last)))
        else:
            decades = range(math.floor(first), math.ceil(last) + 1)
            digits = (1, 2, 5) if last - first < 2 else (1,)
            ticks = [decade + math.log10(digit) for decade in decades for digit in digits]
        return [tick for tick in ticks if first <= tick <= last]


def _heights(counts: Doubles, highest: int) -> Doubles:
    heights = np.round(counts / highest * HEIGHT, 2)
    return np.where(counts > 0, np.maximum(heights, SHORTEST), 0.0)


def _beyond(view: MeasureView, values: Doubles, limits: Mapping[str, float]) -> str:
    if not limits_of(view, limits):
        return ""
    count = sum(is_beyond(view, value, limits) for value in values.tolist())
    return f"{count} beyond the limit ({count / values.size:.1%})" if count else "none beyond"
