"""`status.json`: how a run ended, for the batch scripts; launchers hide exit codes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from emotalk.errors import EXIT_DONE, EXIT_FAILED, EXIT_PREEMPTED, EXIT_WRONG_USE

NAME = "status.json"
State = Literal["running", "done", "failed", "wrong_use", "preempted"]
CODES: dict[State, int] = {
    "running": EXIT_FAILED,  # read after the end: killed before it could say more
    "done": EXIT_DONE,
    "failed": EXIT_FAILED,
    "wrong_use": EXIT_WRONG_USE,
    "preempted": EXIT_PREEMPTED,
}


@dataclass(frozen=True)
class Status:
    """The content of `status.json`."""

    state: State
    code: int
    message: str
    step: int | None = None


def write_status(run_dir: Path, state: State, message: str, step: int | None = None) -> Status:
    """Write `status.json` in one piece and return what it holds."""
    status = Status(state, CODES[state], message, step)
    fresh = run_dir / f".{NAME}.part"
    fresh.write_text(json.dumps(asdict(status), indent=2) + "\n", encoding="utf-8")
    fresh.replace(run_dir / NAME)
    return status
