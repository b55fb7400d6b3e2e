"""Plot mouth openings, confusion matrices and frames of an evaluation."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from emotalk.evaluation.report import EmotionReport, Report
from emotalk.evaluation.results import ClipResults, Results
from emotalk.schema import EMOTIONS, FPS, Bytes

MOUTHS = "mouth.png"
CONFUSION = "emotions.png"
FRAMES = "frames.png"

SHOWN_CURVES = 6
SHOWN_FRAMES = 6
INK, TRUE, MADE, STILL = "#333333", "#222222", "#d1495b", "#9aa5b1"


def write_plots(folder: Path, results: Results, report: Report) -> list[str]:
    """Write the plots and return their file names."""
    figures = {MOUTHS: draw_mouths(results.clips), FRAMES: draw_frames(results)}
    if report.emotion is not None:
        figures[CONFUSION] = draw_confusion(report.emotion)
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=110, metadata={"Software": None})
    return list(figures)


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


def draw_confusion(emotion: EmotionReport) -> Figure:
    """Return the confusion matrices of generated and true clips, coloured by share of the row."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    panels = (
        (left, emotion.confusion_generated, "generated from the neutral still", "generated"),
        (right, emotion.confusion_truth, "true clips", "truth"),
    )
    for axes, counts, title, row in panels:
        _draw_matrix(axes, np.array(counts), emotion.emotions)
        axes.set_title(f"{title}: {emotion.accuracy[row].text(2)}", fontsize=10)
    return figure


def draw_frames(results: Results) -> Figure:
    """Return frames of one clip for each emotion, true above generated."""
    shown = [name for name in EMOTIONS if name in results.examples]
    shown += sorted(set(results.examples) - set(EMOTIONS))
    figure = Figure(figsize=(1.4 * SHOWN_FRAMES + 1.6, 3.0 * len(shown)), layout="constrained")
    for axes, name in zip(np.ravel(figure.subplots(len(shown), squeeze=False)), shown, strict=True):
        true, made = results.examples[name]
        axes.imshow(np.concatenate([_strip(true), _strip(made)]))
        axes.set_title(name, fontsize=10, loc="left")
        axes.set(xticks=[], yticks=[64, 192], yticklabels=["true", "generated"])
    return figure


def _best_to_worst(clips: list[ClipResults]) -> list[ClipResults]:
    def correlation(clip: ClipResults) -> float:
        value = clip.rows["generated"]["mouth_correlation"]
        return value if np.isfinite(value) else -2.0

    ordered = sorted(clips, key=correlation, reverse=True)
    count = min(SHOWN_CURVES, len(ordered))
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


def _draw_matrix(axes: Axes, counts_EE: NDArray[np.int64], emotions: tuple[str, ...]) -> None:
    shares = counts_EE / np.maximum(counts_EE.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts_EE):
        colour = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    places = range(len(emotions))
    axes.set_xticks(places, emotions, rotation=40, ha="right", fontsize=9)
    axes.set_yticks(places, emotions, fontsize=9)
    axes.set(xlabel="seen", ylabel="wanted")


def _strip(frames_THWC: Bytes) -> Bytes:
    """Return a few evenly spaced frames of a clip side by side."""
    places = np.linspace(0, len(frames_THWC) - 1, SHOWN_FRAMES).round().astype(int)
    return np.concatenate(list(frames_THWC[places]), axis=1)
