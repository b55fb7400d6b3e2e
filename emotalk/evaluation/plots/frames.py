"""Show frames of one clip of each emotion, true above generated."""

import numpy as np
from matplotlib.figure import Figure

from emotalk.evaluation.plot import Plot
from emotalk.evaluation.report import Report
from emotalk.evaluation.results import Results
from emotalk.schema import EMOTIONS, Bytes

SHOWN = 6


def draw_frames(results: Results) -> Figure:
    """Return frames of one clip for each emotion, true above generated."""
    shown = [name for name in EMOTIONS if name in results.examples]
    shown += sorted(set(results.examples) - set(EMOTIONS))
    figure = Figure(figsize=(1.4 * SHOWN + 1.6, 3.0 * len(shown)), layout="constrained")
    for axes, name in zip(np.ravel(figure.subplots(len(shown), squeeze=False)), shown, strict=True):
        true, made = results.examples[name]
        axes.imshow(np.concatenate([_strip(true), _strip(made)]))
        axes.set_title(name, fontsize=10, loc="left")
        axes.set(xticks=[], yticks=[64, 192], yticklabels=["true", "generated"])
    return figure


def _strip(frames_THWC: Bytes) -> Bytes:
    """Return a few evenly spaced frames of a clip side by side."""
    places = np.linspace(0, len(frames_THWC) - 1, SHOWN).round().astype(int)
    return np.concatenate(list(frames_THWC[places]), axis=1)


def _draw(results: Results, _report: Report) -> Figure | None:
    return draw_frames(results) if results.examples else None


PLOT = Plot("frames.png", _draw)
