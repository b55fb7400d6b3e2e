"""Write `status.json`, which tells batch scripts how a run ended; launchers hide exit codes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from emotalk.errors import EXIT_DONE, EXIT_FAILED, EXIT_PREEMPTED, EXIT_WRONG_USE
from emotalk.files.atomic_write import atomic_write_text
from emotalk.redaction import redact

# Files of the run folder. They stand here because signals.py may not import torch.
CONFIG, LOCK, STATUS = "config.yaml", ".lock", "status.json"
State = Literal["running", "done", "failed", "wrong_use", "preempted"]
CODES: dict[State, int] = {
    "running": EXIT_FAILED,  # still there after the end: the run was killed
    "done": EXIT_DONE,
    "failed": EXIT_FAILED,
    "wrong_use": EXIT_WRONG_USE,
    "preempted": EXIT_PREEMPTED,
}


@dataclass(frozen=True)
class Status:
    """Content of `status.json`."""

    state: State
    code: int
    message: str
    step: int | None = None


def failed_since(run_dir: Path, began: float) -> bool:
    """Return whether another process of this start has already written why the run failed.

    The processes that fail after it only report that they lost the connection to it.

    Args:
        run_dir: run folder.
        began: start of this process, in seconds since the epoch.
    """
    path = run_dir / STATUS
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return bool(tree["state"] == "failed" and path.stat().st_mtime >= began)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_status(run_dir: Path, state: State, message: str, step: int | None = None) -> Status:
    """Write `status.json` atomically and return its content."""
    status = Status(state, CODES[state], redact(message), step)
    atomic_write_text(run_dir / STATUS, json.dumps(asdict(status), indent=2) + "\n")
    return status
