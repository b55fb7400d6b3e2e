"""Show the headline figures beside their ceilings and floors."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Paragraph, Table
from emotalk.evaluation.summary import summary_lines, summary_notes


def _content(report: Report) -> Sequence[Content]:
    lines = summary_lines(report)
    if len(lines) == 1:
        return []
    table = Table(lines[0], lines[1:])
    return [table, Paragraph(summary_notes(report) + ".")]


BLOCK = Block(20, "At a glance", _content)
