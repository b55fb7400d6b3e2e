"""Show every figure of every row with its interval, its direction and its meaning."""

from collections.abc import Sequence

from emotalk.evaluation.figure_names import described_figures, rows_of
from emotalk.evaluation.intervals import describe_intervals
from emotalk.evaluation.report import BETTER, ROWS, Report
from emotalk.evaluation.report_block import Block, Content, Table


def _content(report: Report) -> Sequence[Content]:
    rows = rows_of(report)
    lines = []
    for name, quantity in described_figures(report).items():
        values = report.figures[name]
        cells = [values[row].text(quantity.digits) if row in values else "" for row in rows]
        lines.append((quantity.label, BETTER[quantity.better], *cells))
    if not lines:
        return []
    head = ("figure", "better", *(ROWS[row] for row in rows))
    intervals = describe_intervals(clips=report.clips, actors=len(report.actors))
    meanings = [quantity.meaning for quantity in described_figures(report).values()]
    return [Table(head, lines, f"Means over clips. {intervals}", meanings)]


BLOCK = Block(30, "Figures", _content)
