"""Say before any figure that the intervals of few actors mean little."""

from collections.abc import Sequence

from emotalk.evaluation.intervals import FEW_ACTORS, describe_intervals
from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Content, Paragraph


def _content(report: Report) -> Sequence[Content]:
    actors = len(report.actors)
    if actors > FEW_ACTORS:
        return []
    return [Paragraph(describe_intervals(clips=report.clips, actors=actors))]


BLOCK = Block(6, "", _content)
