"""Write the comparison of two reports to a folder."""

from pathlib import Path

from emotalk.evaluation.report_comparison.result import JSON, MARKDOWN, ReportComparison
from emotalk.files.atomic_write import atomic_write_text


def write_comparison(folder: Path, comparison: ReportComparison) -> None:
    """Write the Markdown page and then the JSON, which marks the comparison as complete."""
    (folder / MARKDOWN).write_text(comparison.model_dump_json(), "utf-8")
    atomic_write_text(folder / JSON, comparison.model_dump_json(indent=1) + "\n")
