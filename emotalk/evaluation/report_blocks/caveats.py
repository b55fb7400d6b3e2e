"""Show the notes that a reader needs to interpret the figures."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Bullets, Content


def _content(report: Report) -> Sequence[Content]:
    return [Bullets(report.caveats)] if report.caveats else []


BLOCK = Block(80, "Caveats", _content)
