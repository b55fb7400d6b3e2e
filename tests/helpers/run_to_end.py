"""Run a command that starts processes of its own; one that hangs leaves none of them behind."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

LONGEST_S = 1200.0
"""After which a command counts as hung: five times what a busy machine takes."""


def run_to_end(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    timeout_s: float = LONGEST_S,
) -> subprocess.CompletedProcess[str]:
    """Return a command's exit code and what it said.

    Raises:
        TimeoutExpired: it took longer; it and all that it had started were killed.
    """
    process = subprocess.Popen(
        command, env=environment, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        # Asked before the parent dies: its orphans cannot be found by it afterwards.
        parent = psutil.Process(process.pid)
        for one in [*parent.children(recursive=True), parent]:
            one.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
