"""Plot the mouth openings of a few clips over time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import Report
from emotalk.evaluation.results import ClipResults, Results
from emotalk.schema import FPS

SHOWN = 6
INK, TRUE, MADE, STILL = "#333333", "#222222", "#d1495b", "#9aa5b1"


def draw_mouths(clips: list[ClipResults]) -> Figure:
    """Return a plot of the mouth openings of a few clips, from the best to the worst."""
    shown = _best_to_worst(clips)
    figure = Figure(figsize=(10, 1.9 * len(shown) + 0.6), layout="constrained")
    for axes, clip in zip(np.ravel(figure.subplots(len(shown), squeeze=False)), shown, strict=True):
        _draw_curve(axes, clip)
    figure.axes[-1].set_xlabel("seconds")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle("Mouth opening (share of the outer-eye distance), from best to worst", size=11)
    return figure


def _best_to_worst(clips: list[ClipResults]) -> list[ClipResults]:
    def correlation(clip: ClipResults) -> float:
        value = clip.rows["generated"]["mouth_correlation"]
        return value if np.isfinite(value) else -2.0

    ordered = sorted(clips, key=correlation, reverse=True)
    count = min(SHOWN, len(ordered))
    places = np.linspace(0, len(ordered) - 1, count).round().astype(int)
    return [ordered[place] for place in places]


def _draw_curve(axes: Axes, clip: ClipResults) -> None:
    for row, colour, width in (
        ("truth", TRUE, 1.8),
        ("generated", MADE, 1.8),
        ("repeat", STILL, 1),
    ):
        opening_T = clip.openings[row]
        axes.plot(np.arange(len(opening_T)) / FPS, opening_T, color=colour, lw=width, label=row)
    frames = len(clip.openings["truth"])
    voiced = np.flatnonzero(clip.voiced_T[:frames]) / FPS
    axes.plot(voiced, np.zeros_like(voiced), "|", color=INK, ms=4, alpha=0.5, label="voiced")
    value = clip.rows["generated"]["mouth_correlation"]
    axes.set_title(f"{clip.key}: correlation {value:.2f}", fontsize=8, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _draw(results: Results, _report: Report) -> Figure | None:
    measured = any("mouth_correlation" in clip.rows["generated"] for clip in results.clips)
    return draw_mouths(results.clips) if measured else None


PLOT = Plot("mouth.png", _draw)
