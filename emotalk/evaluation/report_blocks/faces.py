"""Say which kind of faces the clips show, and by which models they are measured therefore."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Paragraph


def _content(report: Report) -> Sequence[Content]:
    return [Paragraph(report.faces)] if report.faces else []


BLOCK = Block(5, "", _content)
