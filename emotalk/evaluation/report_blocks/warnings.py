"""Show what a reader must know before the figures."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Paragraph


def _content(report: Report) -> Sequence[Content]:
    return [Paragraph(f"Warning: {text}", is_warning=True) for text in report.warnings]


BLOCK = Block(0, "", _content)
