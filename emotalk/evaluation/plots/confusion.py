"""Plot how often each wanted emotion was seen as which."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import EmotionReport, Report
from emotalk.evaluation.results import Results

INK = "#333333"


def draw_confusion(emotion: EmotionReport) -> Figure:
    """Return the confusion matrices of generated and true clips, coloured by share of the row."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    panels = (
        (left, emotion.confusion_generated, "generated from the neutral still", "generated"),
        (right, emotion.confusion_truth, "true clips", "truth"),
    )
    for axes, counts, title, row in panels:
        _draw_matrix(axes, np.array(counts), emotion.emotions, emotion.seen or emotion.emotions)
        axes.set_title(f"{title}: {emotion.accuracy[row].text(2)}", fontsize=10)
    return figure


def _draw_matrix(
    axes: Axes, counts_EK: NDArray[np.int64], emotions: tuple[str, ...], seen: tuple[str, ...]
) -> None:
    shares = counts_EK / np.maximum(counts_EK.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts_EK):
        colour = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(seen)), seen, rotation=40, ha="right", fontsize=9)
    axes.set_yticks(range(len(emotions)), emotions, fontsize=9)
    axes.set(xlabel="seen", ylabel="wanted")


def _draw(_results: Results, report: Report) -> Figure | None:
    return None if report.emotion is None else draw_confusion(report.emotion)


PLOT = Plot("emotions.png", _draw)
