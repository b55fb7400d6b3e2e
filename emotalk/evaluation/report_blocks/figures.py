"""Show every figure of every row with its interval, its direction and its meaning."""

from collections.abc import Sequence

from emotalk.evaluation.figure_names import described_figures, rows_of
from emotalk.evaluation.intervals import describe_intervals
from emotalk.evaluation.report import BETTER, ROWS, Report
from emotalk.evaluation.report_block import Block, Content, Table
from emotalk.evaluation.undefined import undefined_note


def _content(report: Report) -> Sequence[Content]:
    rows = rows_of(report)
    lines, notes = [], []
    for name, quantity in described_figures(report).items():
        values = report.figures[name]
        cells = [values[row].text(quantity.digits) if row in values else "" for row in rows]
        lines.append((quantity.label, BETTER[quantity.better], *cells))
        made = [values["generated"]] if "generated" in values else []
        notes.append(f"{quantity.meaning} {undefined_note(quantity, made)}".strip())
    if not lines:
        return []
    head = ("figure", "better", *(ROWS[row] for row in rows))
    intervals = describe_intervals(clips=report.clips, actors=len(report.actors))
    return [Table(head, lines, f"Means over clips. {intervals}", notes)]


BLOCK = Block(30, "Figures", _content)
