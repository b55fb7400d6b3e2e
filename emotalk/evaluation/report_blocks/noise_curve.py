"""Show how noise in the speech changes the figures of the mouth."""

from collections.abc import Sequence

from emotalk.evaluation.figure_names import described_figures
from emotalk.evaluation.report import BETTER, Report
from emotalk.evaluation.report_block import Block, Content, Picture, Table

FILE = "noise_curve.png"


def _content(report: Report) -> Sequence[Content]:
    curve = report.noise_curve
    if curve is None:
        return []
    lines = [
        (
            quantity.label,
            *(curve.figures[name][level].text(quantity.digits) for level in curve.levels),
            BETTER[quantity.better],
        )
        for name, quantity in described_figures(report).items()
        if name in curve.figures
    ]
    caption = (
        f"The same {curve.clips} clips made from their speech with {curve.kind} noise, at falling "
        "signal-to-noise ratios; the true clip that they are compared with stays clean."
    )
    shown = Picture(FILE, "Mouth correlation and amplitude at falling signal-to-noise ratios")
    return [Table(("figure", *curve.levels, "better"), lines, caption), shown]


BLOCK = Block(50, "Noise in the speech", _content)
