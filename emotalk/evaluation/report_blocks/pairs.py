"""Name what differs between the two files of pairs that were compared nevertheless."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Bullets, Content, Paragraph

SHOWN = 100


def _content(report: Report) -> Sequence[Content]:
    if not report.pair_notes:
        return []
    lines = [f"{key}: {'; '.join(notes)}" for key, notes in report.pair_notes.items()]
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN} more, all in report.json"]
    count = f"{len(report.pair_notes)} of {report.clips} pairs."
    return [Paragraph(count), Bullets(lines)]


BLOCK = Block(85, "Differences within pairs", _content)
