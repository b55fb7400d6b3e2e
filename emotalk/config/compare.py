"""Configure the comparison of two reports."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from emotalk.config.section import Section


class CompareConfig(Section):
    """Configure `emotalk evaluate --compare A B --output DIR`."""

    a: Path  # folder of a report, or its report.json
    b: Path
    output: Path  # folder of the comparison; must be empty, or hold one of the same reports
    seed: Annotated[int, Field(ge=0)] = 0  # of the bootstrap
