"""Write the comparison of two reports to a folder, as a page and as JSON."""

from pathlib import Path

from emotalk.counted import counted
from emotalk.evaluation.html_page import html_page
from emotalk.evaluation.intervals import describe_intervals
from emotalk.evaluation.markdown_page import markdown_page
from emotalk.evaluation.quantities import quantities
from emotalk.evaluation.report import BETTER
from emotalk.evaluation.report_block import Bullets, Paragraph, Section, Table
from emotalk.evaluation.report_comparison.differences import FEWEST, Difference
from emotalk.evaluation.report_comparison.result import (
    HTML,
    JSON,
    MARKDOWN,
    VERDICTS,
    ReportComparison,
    mean_text,
)
from emotalk.evaluation.undefined import undefined_note
from emotalk.files.atomic_write import atomic_write_text

TITLE = "Comparison of two evaluations"
CHANCE = 0.05
SHOWN = 50  # keys of clips


def write_comparison(folder: Path, comparison: ReportComparison) -> None:
    """Write the Markdown and HTML pages, then the JSON, which marks the comparison as complete."""
    sections = comparison_sections(comparison)
    (folder / MARKDOWN).write_text(markdown_page(TITLE, sections), "utf-8")
    (folder / HTML).write_bytes(html_page(TITLE, sections))
    atomic_write_text(folder / JSON, comparison.model_dump_json(indent=1) + "\n")


def comparison_sections(comparison: ReportComparison) -> list[Section]:
    """Return the parts of the page."""
    return [
        Section("What was compared", [Bullets(_facts(comparison))]),
        Section("At a glance", [_glance(comparison), Paragraph(_reading(comparison))]),
        Section("Differences", [_table(comparison)]),
        *(
            Section(f"Only in {side}", [Bullets(_some(keys))])
            for side, keys in (("A", comparison.only_in_a), ("B", comparison.only_in_b))
            if keys
        ),
    ]


def _facts(comparison: ReportComparison) -> list[str]:
    only = {"A": len(comparison.only_in_a), "B": len(comparison.only_in_b)}
    return [
        f"A: {comparison.where.get('a', 'unknown')}",
        f"B: {comparison.where.get('b', 'unknown')}",
        f"clips in both: {comparison.clips}, of {counted(len(comparison.actors), 'actor')}",
        *(f"clips only in {side}, left out: {count}" for side, count in only.items() if count),
        f"finished: {comparison.where.get('finished', 'unknown')}",
        f"seed of the bootstrap: {comparison.inputs.get('seed', 'unknown')}",
    ]


def _glance(comparison: ReportComparison) -> Bullets:
    names: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for found in comparison.differences.values():
        names[found.verdict].append(found.label)
    return Bullets(
        [
            f"{text} in {len(names[verdict])}: {', '.join(names[verdict])}"
            for verdict, text in VERDICTS.items()
            if names[verdict]
        ]
    )


def _reading(comparison: ReportComparison) -> str:
    chance = CHANCE * len(comparison.differences)
    return (
        "Differences are of the generated videos, B minus A, clip by clip. "
        f"{describe_intervals(clips=comparison.clips, actors=len(comparison.actors))} A figure is "
        f"undecided where the interval holds 0, and of fewer than {FEWEST} actors (of one actor: "
        f"clips) always. Of {len(comparison.differences)} figures about {chance:.1f} are decided "
        "by chance alone."
    )


def _table(comparison: ReportComparison) -> Table:
    head = ("figure", "A", "B", "B - A", "B is better in", "verdict", "better", "compared",
            "meaning")  # fmt: skip
    lines = [_line(name, found) for name, found in comparison.differences.items()]
    return Table(head, lines)


def _line(name: str, found: Difference) -> tuple[str, ...]:
    described = quantities().get(name)
    meaning = "" if described is None else described.meaning
    missing = "" if described is None else undefined_note(described, [found.difference])
    return (
        found.label,
        mean_text(found.a, found.digits),
        mean_text(found.b, found.digits),
        found.difference.text(found.digits),
        f"{found.b_better} of {found.difference.clips} clips",
        VERDICTS[found.verdict],
        BETTER[found.better],
        found.compared,
        f"{meaning} {missing}".strip(),
    )


def _some(keys: tuple[str, ...]) -> list[str]:
    more = len(keys) - SHOWN
    return [*keys[:SHOWN], *([f"and {more} more, all in {JSON}"] if more > 0 else [])]
