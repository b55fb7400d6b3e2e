"""Show the figure of identity beside its ceiling and its floor."""

from collections.abc import Sequence

from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import ROWS, Report
from emotalk.evaluation.report_block import Block, Content, Paragraph, Table

FLOOR = "another person (the floor)"
ALONE = "One actor only, so that no other person shows which cosine strangers have."


def _content(report: Report) -> Sequence[Content]:
    values = report.figures.get("identity", {})
    if not values:
        return []
    digits = quantities()["identity"].digits
    lines = [(ROWS[row], values[row].text(digits)) for row in ROWS if row in values]
    if report.identity_floor is not None:
        return [Table(("video", "cosine"), [*lines, (FLOOR, report.identity_floor.text(digits))])]
    return [Table(("video", "cosine"), lines), Paragraph(ALONE)]


BLOCK = Block(37, "Identity: the faces beside the true first one", _content)
