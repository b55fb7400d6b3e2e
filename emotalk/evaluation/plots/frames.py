"""Show frames of one clip of each emotion: true, generated and by the baseline model."""

import numpy as np
from matplotlib.figure import Figure

from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import Report
from emotalk.evaluation.results import Results
from emotalk.schema import EMOTIONS, SIZE, Bytes

SHOWN = 6


def draw_frames(results: Results) -> Figure:
    """Return frames of one clip for each emotion: true, generated and, if it was made, baseline."""
    names = [name for name in EMOTIONS if name in results.examples]
    names += sorted(set(results.examples) - set(EMOTIONS))
    heights = [len(results.examples[name]) for name in names]
    figure = Figure(figsize=(1.4 * SHOWN + 1.6, 1.5 * sum(heights)), layout="constrained")
    places = figure.subplots(len(names), squeeze=False, height_ratios=heights)
    for axes, name in zip(np.ravel(places), names, strict=True):
        rows = results.examples[name]
        axes.imshow(np.concatenate([_strip(video_THWC) for video_THWC in rows.values()]))
        axes.set_title(name, fontsize=10, loc="left")
        axes.set(xticks=[], yticks=SIZE * (np.arange(len(rows)) + 0.5), yticklabels=list(rows))
    return figure


def _strip(frames_THWC: Bytes) -> Bytes:
    """Return a few evenly spaced frames of a clip side by side."""
    places = np.linspace(0, len(frames_THWC) - 1, SHOWN).round().astype(int)
    return np.concatenate(list(frames_THWC[places]), axis=1)


def _draw(results: Results, _report: Report) -> Figure | None:
    return draw_frames(results) if results.examples else None


PLOT = Plot("frames.png", _draw)
