"""Define the command that examines this machine."""

import typer

from emotalk.cli.terminal import say
from emotalk.errors import EXIT_FAILED


def doctor() -> None:
    """Report what this machine has and lacks for each part of the project; exit 1 if it cannot run.

    \b
    emotalk doctor
    """
    from emotalk.doctor import examine, table

    say("loading every library once, this takes a moment", err=True)
    findings = examine()
    say(table(findings))
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(EXIT_FAILED)
