"""Show how noise in the speech changes the figures of the mouth."""

from collections.abc import Sequence

from emotalk.evaluation.figure_names import described_figures
from emotalk.evaluation.report import BETTER, Report
from emotalk.evaluation.report_block import Block, Content, Picture, Table
from emotalk.evaluation.undefined import undefined_note

FILE = "noise_curve.png"


def _content(report: Report) -> Sequence[Content]:
    curve = report.noise_curve
    if curve is None:
        return []
    lines, notes = [], []
    for name, quantity in described_figures(report).items():
        if name in curve.figures:
            values = [curve.figures[name][level] for level in curve.levels]
            texts = (value.text(quantity.digits) for value in values)
            lines.append((quantity.label, *texts, BETTER[quantity.better]))
            most = max(values, key=lambda value: value.undefined)
            notes.append(undefined_note(quantity, [most]))
    caption = (
        f"The same {curve.clips} clips made from their speech with {curve.kind} noise, at falling "
        "signal-to-noise ratios; the true clip that they are compared with stays clean."
    )
    shown = Picture(FILE, "Mouth correlation and amplitude at falling signal-to-noise ratios")
    return [Table(("figure", *curve.levels, "better"), lines, caption, notes), shown]


BLOCK = Block(50, "Noise in the speech", _content)
