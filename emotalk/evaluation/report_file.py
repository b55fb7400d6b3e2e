"""Read the report of an earlier evaluation, within bounds."""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emotalk.errors import WrongUse
from emotalk.evaluation.report import FORMAT, Report
from emotalk.files.small_files import UnfitFile, parse_json, read_small
from emotalk.printable import printable, quoted

NAME = "report.json"
MAX_BYTES = 128 * 2**20  # 10,000 clips with six rows of forty figures: 100 MB


def read_report(path: Path) -> Report:
    """Return the report of a folder, or of its `report.json`.

    Raises:
        WrongUse: nothing there, a file of another kind, damaged, or of another version.
    """
    file = path / NAME if path.is_dir() else path
    try:
        data = read_small(file, max_bytes=MAX_BYTES)
    except UnfitFile as error:
        raise WrongUse(f"{file}: {error}; give the folder of a report, or its {NAME}") from None
    except OSError as error:
        raise WrongUse(
            f"{file}: no report can be read here ({error.strerror}); give the --output of an "
            f"evaluation, or its {NAME}"
        ) from None
    return parse_report(data, str(file))


def parse_report(data: bytes, where: str) -> Report:
    """Return the report that JSON text holds.

    Raises:
        WrongUse: not JSON, no report, or one whose fields this version does not read.
    """
    try:
        tree: Any = parse_json(data)
    except ValueError as error:
        raise WrongUse(
            f"{where}: not valid JSON ({printable(str(error))}); evaluate again"
        ) from None
    found = tree.get("format") if isinstance(tree, dict) else None
    if found != FORMAT:
        raise WrongUse(
            f"{where}: no report of this version: format {quoted(found)}, expected {FORMAT!r}; "
            "evaluate again"
        )
    try:
        return Report.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        fault = printable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        raise WrongUse(
            f"{where}: {error.error_count()} faults, the first: {fault}; the report is damaged or "
            "of another version: evaluate again"
        ) from None


def report_sha256(report: Report) -> str:
    """Return the sha256 of a report without its paths and times."""
    text = report.model_dump_json(exclude={"where"})
    return hashlib.sha256(text.encode()).hexdigest()
