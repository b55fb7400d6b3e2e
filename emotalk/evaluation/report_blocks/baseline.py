"""Show by how much the model differs from the baseline model on the same clips."""

from collections.abc import Sequence

from emotalk.evaluation.figure_names import described_figures
from emotalk.evaluation.report import BETTER, BaselineReport, Report, Value
from emotalk.evaluation.report_block import Block, Content, Paragraph, Table

OVERLAP = (
    "The baseline's training people may overlap the people of this test set; where they do, the "
    "comparison favours the baseline."
)


def _content(report: Report) -> Sequence[Content]:
    if report.baseline is None:
        return []
    lines = []
    for name, quantity in described_figures(report).items():
        value = report.baseline.differences.get(name)
        if value is not None:
            lines.append(
                (
                    quantity.label,
                    value.text(quantity.digits),
                    BETTER[quantity.better],
                    verdict(value, quantity.better),
                )
            )
    return [Paragraph(_facts(report.baseline)), Paragraph(OVERLAP), _table(lines)]


def _facts(baseline: BaselineReport) -> str:
    return f"Baseline: {baseline.model}. It made {baseline.clips} of the clips."


def _table(lines: Sequence[tuple[str, ...]]) -> Table:
    return Table(
        ("figure", "difference", "better", "who is better"),
        lines,
        "Generated minus baseline within each clip: mean and 95 % interval.",
    )


def verdict(value: Value, better: str) -> str:
    """Return who is better by an interval of differences; `undecided` where it holds 0."""
    if value.low is None or value.high is None or better not in ("higher", "lower"):
        return "not ordered" if better not in ("higher", "lower") else "undefined"
    if value.low <= 0 <= value.high:
        return "undecided"
    return "generated" if (value.low > 0) == (better == "higher") else "baseline"


BLOCK = Block(35, "Against the baseline model", _content)
