"""Show the faulty figures of the original report beside the right ones, if they were asked for."""

from collections.abc import Sequence

from emotalk.evaluation.report import Report, Value
from emotalk.evaluation.report_block import Block, Content, Paragraph, Table

NOTE = (
    "The left column is only for comparing with the original report's table 5.1. Its scripts "
    "subtract bytes, which wraps modulo 256 and flatters, and take the distance of landmarks "
    "without Procrustes, so that head motion counts. Neither measures quality; the right column "
    "does."
)

# faulty figure -> what it was meant to be, the right figure, digits after the point
FIGURES = {
    "psnr_of_wrapped_bytes": ("PSNR (dB), higher is better", "psnr", 2),
    "nlmd_without_procrustes": ("NLMD, lower is better", "nlmd", 5),
}


def _content(report: Report) -> Sequence[Content]:
    if report.as_reported is None:
        return []
    lines = []
    for name, faulty in report.as_reported.items():
        label, right, digits = FIGURES.get(name, (name, "", 4))
        lines.append((label, faulty.text(digits), _right(report, right, digits)))
    return [Paragraph(NOTE), Table(("generated", "as reported (faulty)", "right"), lines)]


def _right(report: Report, name: str, digits: int) -> str:
    value: Value | None = report.figures.get(name, {}).get("generated")
    return "none" if value is None else value.text(digits)


BLOCK = Block(60, "As reported (faulty)", _content)
