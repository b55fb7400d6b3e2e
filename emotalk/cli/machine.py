"""Define the command that examines this machine."""

from pathlib import Path
from typing import Annotated

import typer

from emotalk.cli.options import ROOT, OptionalCheckpointOption, RootOption
from emotalk.cli.terminal import say
from emotalk.errors import EXIT_FAILED


def doctor(
    checkpoint: OptionalCheckpointOption = None,
    root: RootOption = ROOT,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Report what this machine has and lacks for each part of the project; exit 1 if it cannot run.

    \b
    emotalk doctor
    emotalk doctor --checkpoint run
    emotalk doctor --json
    """
    from emotalk.doctor.examine import examine
    from emotalk.doctor.finding import as_json, table

    say("loading every library once, this takes a moment", err=True)
    findings = examine(checkpoint=checkpoint, packs=Path(root) / "models")
    say(as_json(findings) if json else table(findings))
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(EXIT_FAILED)
