"""Name the clips that were not evaluated, and say why."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Bullets, Content

SHOWN = 100


def _content(report: Report) -> Sequence[Content]:
    lines = [f"{key}: {why}" for key, why in report.left_out.items()]
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN} more, all in report.json"]
    return [Bullets(lines)] if lines else []


BLOCK = Block(90, "Left out", _content)
