"""Write `status.json`, which tells batch scripts how a run ended; launchers hide exit codes.

Torch is not imported here, because signals are handled before it is loaded.
"""

import json
import os
import re
from pathlib import Path
from typing import Literal

from emotalk.checkpoints.folder import CHECKPOINTS
from emotalk.errors import EXIT_DONE, EXIT_FAILED, EXIT_PREEMPTED, EXIT_WRONG_USE
from emotalk.files.atomic_write import PART, atomic_write_text
from emotalk.files.lock import is_held_by_another, read_holder
from emotalk.node_name import node_name
from emotalk.redaction import redact

# Names in the run folder.
CONFIG, LOCK, STATUS, SAMPLES = "config.yaml", ".lock", "status.json", "samples"
LOGS = "logs"  # folder of what each process writes for people, and of a job's attempts
OWN_LOG = re.compile(
    r"rank-[0-9]{4,6}\.log|collectives-rank-[0-9]{4,6}\.json|nccl-rank-[0-9]+|attempts\.jsonl"
)
JOINED: dict[Path, str] = {}  # run folder -> holder, where the main process of this run holds it
State = Literal["running", "done", "failed", "wrong_use", "preempted"]
CODES: dict[State, int] = {
    "running": EXIT_FAILED,  # still there after the end: the run was killed
    "done": EXIT_DONE,
    "failed": EXIT_FAILED,
    "wrong_use": EXIT_WRONG_USE,
    "preempted": EXIT_PREEMPTED,
}


def failed_since(run_dir: Path, began: float) -> bool:
    """Return whether another process has written a failure since `began`, in seconds of the epoch.

    The processes that fail after it only report that they lost the connection to it.
    """
    path = run_dir / STATUS
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return bool(tree["state"] == "failed" and path.stat().st_mtime >= began)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_status(
    run_dir: Path,
    state: State,
    message: str,
    step: int | None = None,
    *,
    code: int | None = None,
    may_pass: bool = False,
) -> None:
    """Write `status.json` atomically, with the rank, the node and the batch job of this process.

    Args:
        run_dir: the run folder.
        state: of the run.
        message: for people, without secrets.
        step: last step that was made; None if it is not known.
        code: exit code of this process; None for that of the state.
        may_pass: whether a new start may succeed where this one failed.
    """
    status = {
        "state": state,
        "code": CODES[state] if code is None else code,
        "message": redact(message),
        "step": step,
        "rank": int(os.environ.get("RANK", "0")),
        "node": node_name(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "may_pass": may_pass,
    }
    atomic_write_text(run_dir / STATUS, json.dumps(status, indent=2) + "\n")


def write_end(
    run_dir: Path, state: State, message: str, *, code: int | None = None, may_pass: bool = False
) -> None:
    """Write how a command ended, if the folder is a run's or can become one.

    The status of a run that another process trains there is left alone. `code` and `may_pass` are
    those of `write_status`.

    Raises:
        OSError: the folder cannot be read or written.
    """
    if (is_free(run_dir) or (run_dir / CONFIG).exists()) and may_write(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        write_status(run_dir, state, message, code=code, may_pass=may_pass)


def may_write(folder: Path) -> bool:
    """Return whether this process may write the status of the folder.

    It may if its own run holds the folder, or if no process does.
    """
    lock = folder / LOCK
    return JOINED.get(folder) == str(read_holder(lock)) or not is_held_by_another(lock)


def is_free(folder: Path) -> bool:
    """Return whether a run may start in `folder`: it does not exist or holds no results."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        _holds_no_results(path)
        if path.is_dir()
        else path.name in (STATUS, LOCK) or (path.name.startswith(".") and path.suffix == PART)
        for path in folder.iterdir()
    )


def _holds_no_results(folder: Path) -> bool:
    """Return whether a folder in a run folder holds nothing but logs of a start that failed."""
    if folder.name == LOGS:
        return all(OWN_LOG.fullmatch(path.name) for path in folder.iterdir())
    return folder.name in (CHECKPOINTS, SAMPLES) and not any(folder.iterdir())


def rank_log(run_dir: Path, rank: int) -> Path:
    """Return the path of a process's log in the run folder: lines, tracebacks, stacks."""
    return run_dir / LOGS / f"rank-{rank:04d}.log"


def rank_collectives(run_dir: Path, rank: int) -> Path:
    """Return the path of the last collective operations that a hung process writes."""
    return run_dir / LOGS / f"collectives-rank-{rank:04d}.json"
