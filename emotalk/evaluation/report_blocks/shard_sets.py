"""Show the figures of each of several shard sets."""

from collections.abc import Sequence

from emotalk.evaluation.figure_names import described_figures
from emotalk.evaluation.report import Report, Value
from emotalk.evaluation.report_block import Block, Content, Table


def _content(report: Report) -> Sequence[Content]:
    if not report.sets:
        return []
    lines = [("clips", *(str(_clips(figures)) for figures in report.sets.values()))]
    for name, quantity in described_figures(report).items():
        values = [figures.get(name, {}).get("generated") for figures in report.sets.values()]
        if any(value is not None for value in values):
            texts = (value.text(quantity.digits) if value is not None else "" for value in values)
            lines.append((quantity.label, *texts))
    return [Table(("generated", *report.sets), lines)]


def _clips(figures: dict[str, dict[str, Value]]) -> int:
    values = (rows["generated"].clips for rows in figures.values() if "generated" in rows)
    return max(values, default=0)


BLOCK = Block(40, "By shard set", _content)
