"""Plot figures of the mouth at falling signal-to-noise ratios of the speech."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotalk.evaluation.plot import Plot
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import NoiseCurve, Report
from emotalk.evaluation.report_blocks.noise_curve import FILE
from emotalk.evaluation.results import Results

SHOWN = ("mouth_correlation", "mouth_amplitude", "nlmd_mouth", "sync_confidence")
MADE = "#d1495b"


def draw_noise_curve(curve: NoiseCurve) -> Figure | None:
    """Return a panel for each figure of the mouth with its intervals; None without figures."""
    names = [name for name in SHOWN if name in curve.figures]
    if not names:
        return None
    figure = Figure(figsize=(3.4 * len(names), 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw_panel(axes, curve, name)
    return figure


def _draw_panel(axes: Axes, curve: NoiseCurve, name: str) -> None:
    shown = [
        (place, value.mean, value.low, value.high)
        for place, level in enumerate(curve.levels)
        if (value := curve.figures[name][level]).mean is not None
        and value.low is not None
        and value.high is not None
    ]
    if shown:
        places, means, lows, highs = zip(*shown, strict=True)
        axes.plot(places, means, "o-", color=MADE, lw=1.8)
        axes.fill_between(places, lows, highs, color=MADE, alpha=0.2, lw=0)
    axes.set_xticks(range(len(curve.levels)), curve.levels, fontsize=8)
    axes.set_title(quantities()[name].label, fontsize=8, loc="left", wrap=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _draw(_results: Results, report: Report) -> Figure | None:
    return None if report.noise_curve is None else draw_noise_curve(report.noise_curve)


PLOT = Plot(FILE, _draw)
