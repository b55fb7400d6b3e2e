"""Hold the findings of an examination, and print them as a table or as JSON."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

State = Literal["ok", "lacks", "note"]  # note: worth knowing, nothing to do
TIMEOUT_S = 120


@dataclass(frozen=True)
class Finding:
    """Hold one line of the report."""

    subject: str  # the part that was examined
    state: State
    detail: str  # the result of the examination
    remedy: str = ""  # how to get the missing part
    required: bool = False  # whether the project does not run without it

    @property
    def is_fatal(self) -> bool:
        """Return whether the project cannot run because of it."""
        return self.required and self.state == "lacks"


class Said(NamedTuple):
    """Hold the exit of a program and the last line that it wrote."""

    ok: bool
    line: str


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as aligned lines, with remedies below."""
    width = max(len(finding.subject) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<6} {finding.subject:<{width}}  {finding.detail}".rstrip())
        if finding.remedy and finding.state != "ok":
            lines.append(f"{'':<6} {'':<{width}}  -> {finding.remedy}")
    fatal = _fatal(findings)
    verdict = f"cannot run without: {', '.join(fatal)}" if fatal else "everything required is here"
    return "\n".join([*lines, "", verdict])


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON object: `runs`, `cannot_run_without`, `findings`."""
    fatal = _fatal(findings)
    told = [asdict(finding) for finding in findings]
    for entry in told:
        if entry["state"] == "ok":
            entry["remedy"] = ""
    return json.dumps({"runs": not fatal, "cannot_run_without": fatal, "findings": told}, indent=2)


def run_python(code: str, *arguments: str) -> Said:
    """Return how Python code ends in a process of its own, so that a crash is a finding too."""
    return run_program(sys.executable, "-c", code, *arguments)


def run_program(*command: str) -> Said:
    """Return how a command ends; one that takes more than two minutes is stopped."""
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Said(False, f"took more than {TIMEOUT_S} s")
    except OSError as error:
        return Said(False, f"{command[0]}: {error.strerror}")
    ok = ended.returncode == 0
    lines = (ended.stdout if ok else ended.stderr).strip().splitlines()
    return Said(ok, lines[-1] if lines else "" if ok else f"ended with code {ended.returncode}")


def _fatal(findings: Sequence[Finding]) -> list[str]:
    return [finding.subject for finding in findings if finding.is_fatal]
