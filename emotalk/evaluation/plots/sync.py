"""Plot by how many frames lips and speech are apart, clip by clip."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from emotalk.counted import counted
from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import ROWS, Report
from emotalk.evaluation.results import Results

# The lip-sync model's offset; else the lag of the mouth's opening behind the true one.
FIGURES = ("sync_offset", "sync_distance")
SHOWN = {"truth": "#222222", "generated": "#33699c", "other_speech": "#cf5b2e"}
MOST_FRAMES = 8  # further apart counts as this


def draw_sync(frames: Mapping[str, list[float]], name: str) -> Figure:
    """Return a histogram of distances in frames, a bar for each row: its share of clips.

    Args:
        frames: row of the report -> distance of each clip; those beyond eight frames stand there.
        name: of the distance.
    """
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(frames)
    for place, (row, values) in enumerate(frames.items()):
        places = np.minimum(np.abs(values), MOST_FRAMES).round().astype(int)
        shares = np.bincount(places, minlength=MOST_FRAMES + 1) / len(values)
        offset = (place - (len(frames) - 1) / 2) * width
        label = f"{ROWS[row]} ({counted(len(values), 'clip')})"
        axes.bar(np.arange(MOST_FRAMES + 1) + offset, shares, width, color=SHOWN[row], label=label)
    ticks = [*map(str, range(MOST_FRAMES)), f"{MOST_FRAMES} +"]
    axes.set_xticks(range(MOST_FRAMES + 1), ticks)
    axes.set(xlabel=f"{name}, frames of 40 ms", ylabel="share of clips", ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return figure


def _plot(results: Results, _report: Report) -> Figure | None:
    for figure in FIGURES:
        frames = {
            row: [
                clip.rows[row][figure]
                for clip in results.clips
                if np.isfinite(clip.rows.get(row, {}).get(figure, np.nan))
            ]
            for row in SHOWN
        }
        frames = {row: values for row, values in frames.items() if values}
        if "generated" in frames:
            name = "lips and speech apart" if figure == FIGURES[0] else "mouth behind the true one"
            return draw_sync(frames, name)
    return None


PLOT = Plot("sync.png", _plot)
