"""Show the faulty figures of the original report, if they were asked for."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Paragraph, Table

NOTE = (
    "Only to compare with the report's table 5.1: its scripts subtract bytes, which wraps and "
    "flatters, and take landmark distances without Procrustes. Not measures of quality."
)


def _content(report: Report) -> Sequence[Content]:
    if report.as_reported is None:
        return []
    lines = [(name, value.text(4)) for name, value in report.as_reported.items()]
    return [Paragraph(NOTE), Table(("faulty figure", "generated"), lines)]


BLOCK = Block(60, "As reported (faulty)", _content)
