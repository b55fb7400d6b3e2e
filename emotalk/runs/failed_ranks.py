"""Find out which process of a job failed first and why, from its status and what was printed."""

import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotalk.errors import EXIT_HUNG, EXIT_PREEMPTED, EXIT_WRONG_USE
from emotalk.printable import printable, printable_lines
from emotalk.runs.failure import OF_STORAGE
from emotalk.runs.status import rank_log

TAIL_LINES, TAIL_BYTES = 20, 16 * 2**10
LONGEST = 2000  # characters of a message
# What torchrun prints for the first process that failed on a node.
ROOT_CAUSE = re.compile(
    r"Root Cause \(first observed failure\):\s*\n.*?"
    r"time\s*: (?P<time>\S+)\s.*?host\s*: (?P<host>\S+)\s.*?rank\s*: (?P<rank>\d+) .*?"
    r"exitcode\s*: (?P<code>-?\d+) ",
    re.DOTALL,
)
# What Slurm prints of a lost node, and of a task that a signal ended.
LOST_NODE = re.compile(
    r"srun: error: Node failure on (?P<node>[\w.\[\],-]+)"
    r"|STEP \S+ ON (?P<of_step>\S+) CANCELLED AT \S+ DUE TO NODE FAILURE"
)
LOST_TASK = re.compile(
    r"srun: error: (?P<node>[\w.-]+): tasks? [\d,-]+: "
    r"(?P<how>Killed|Out Of Memory|Segmentation fault|Aborted|Bus error)"
)
# What Slurm prints where a node takes no step, such as one that came back a moment ago.
NOT_LAUNCHED = re.compile(
    r"srun: error: Task launch for StepId=\S+ failed on node (?P<node>[\w.-]+): (?P<why>[^\n]+)"
)
# What a process prints whose run folder takes nothing.
UNWRITTEN = re.compile(r"status\.json cannot be written: (?P<why>[^\n]*)")
OOM = re.compile(r"oom[-_ ]kill|Out Of Memory|OUT_OF_MEMORY")
OF_A_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+ ([A-Za-z0-9._-]+)\]", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """Describe why a job's processes ended.

    Attributes:
        message: cause, for people.
        may_pass: whether a new start may succeed.
        rank: the process; None if it is not known.
        node: its node; empty if it is not known.
        told: whether it did not fail itself: it was told to end (SIGTERM, SIGUSR1), or Slurm never
            started it.
        wrong_use: whether it was refused, and said why itself.
    """

    message: str
    may_pass: bool
    rank: int | None = None
    node: str = ""
    told: bool = False
    wrong_use: bool = False

    @property
    def place(self) -> str:
        """Return node and rank in words."""
        rank = "" if self.rank is None else f"rank {self.rank}"
        return ", ".join(filter(None, [self.node, rank])) or "unknown place"


def find_failure(run_dir: Path, status: Mapping[str, Any] | None, said: str) -> Failure:
    """Return the first failure of a job's processes.

    A process that a signal ended wrote nothing itself, and the others only lost their connection to
    it: so the launchers' words come before the status.

    Args:
        run_dir: holds the processes' logs.
        status: `status.json`, if this attempt wrote it.
        said: what launchers and Slurm printed.
    """
    roots = sorted(ROOT_CAUSE.finditer(said), key=lambda found: found["time"])
    killed = [root for root in roots if int(root["code"]) < 0 and not _was_told(root)]
    if killed:
        return _of_signal(run_dir, killed[0], said)
    if status is not None and status.get("state") == "failed":
        return _of_status(status)
    if (found := _of_slurm(said)) is not None:
        return found
    if roots:
        return _of_roots(run_dir, roots, said)
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing was said")
    return Failure(f"no process said why; last words: {printable(last, longest=300)}", False)


def _of_slurm(said: str) -> Failure | None:
    """Return what Slurm says of a node or of a launcher; None if it says nothing."""
    if node := lost_node(said):
        return Failure("the node was lost", True, node=node)
    unlaunched = NOT_LAUNCHED.search(said)
    if unlaunched is not None:
        why = f"Slurm could not start it: {printable(unlaunched['why'], longest=200)}"
        return Failure(why, True, node=unlaunched["node"], told=True)
    task = LOST_TASK.search(said)
    if task is not None:
        return Failure(
            f"its launcher ended: {task['how']}{_of_memory(said)}", True, node=task["node"]
        )
    return None


def lost_node(said: str) -> str:
    """Return the node that Slurm says was lost; an empty text if it says nothing of the kind.

    The node on which Slurm cancels the step is one that lives.
    """
    found = list(LOST_NODE.finditer(said))
    named = next((lost["node"] for lost in found if lost["node"]), "")
    return named or (f"another node than {found[0]['of_step']}" if found else "")


def last_lines(run_dir: Path, rank: int) -> list[str]:
    """Return the last lines of a process's log; none if it has no log."""
    lines = _tail(rank_log(run_dir, rank)).splitlines()
    return [printable(line, longest=300) for line in lines[-TAIL_LINES:]]


def node_of(run_dir: Path, rank: int) -> str:
    """Return the node in the last line of a process's log, or an empty text."""
    found: list[str] = OF_A_LINE.findall(_tail(rank_log(run_dir, rank)))
    return found[-1] if found else ""


def _of_signal(run_dir: Path, root: "re.Match[str]", said: str) -> Failure:
    rank, number = int(root["rank"]), -int(root["code"])
    name = f"signal {number}"
    with suppress(ValueError):
        name = signal.Signals(number).name
    memory = _of_memory(said) if number == signal.SIGKILL else ""
    where = node_of(run_dir, rank) or root["host"]
    return Failure(f"killed by {name}{memory}", True, rank, where)


def _of_roots(run_dir: Path, roots: "Sequence[re.Match[str]]", said: str) -> Failure:
    """Return the first process that ended with an error; without one, the first told to end.

    Slurm and torchrun tell the others to end after one has failed.
    """
    first = next((root for root in roots if not _was_told(root)), roots[0])
    code, rank = int(first["code"]), int(first["rank"])
    where = node_of(run_dir, rank) or first["host"]
    if _was_told(first):
        return Failure("it was told to end while it started", True, rank, where, told=True)
    unwritten = UNWRITTEN.search(said)
    if unwritten and any(os.strerror(number) in unwritten["why"] for number in OF_STORAGE):
        why = f"it ended with code {code} and could not write why: {unwritten['why']}"
        return Failure(printable(why, longest=200), True, rank, where)
    if code == EXIT_WRONG_USE:
        return Failure("it was refused; why is said above", False, rank, where, wrong_use=True)
    return Failure(f"it ended with code {code}", code == EXIT_HUNG, rank, where)


def _of_status(status: Mapping[str, Any]) -> Failure:
    rank = status.get("rank")
    message = str(status.get("message", ""))[:LONGEST].removeprefix(f"rank {rank}: ")
    return Failure(
        printable_lines(message)[:LONGEST],
        status.get("may_pass") is True,
        rank if isinstance(rank, int) else None,
        printable(str(status.get("node", "")), longest=64),
    )


def _of_memory(said: str) -> str:
    """Return advice if Slurm says that memory was short."""
    return " for want of memory (ask for more: sbatch --mem=...)" if OOM.search(said) else ""


def _was_told(root: "re.Match[str]") -> bool:
    """Return whether a process ended by a signal that asks it to, handled or not."""
    return int(root["code"]) in (-signal.SIGTERM, -signal.SIGUSR1, EXIT_PREEMPTED)


def _tail(path: Path) -> str:
    """Return the end of a file; an empty text where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - TAIL_BYTES, 0))
            return file.read(TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
