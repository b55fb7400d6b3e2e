"""Run a command that starts processes of its own; one that hangs leaves none of them behind."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
        command, env=environment, cwd=cwd, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=timeout_s)
    except BaseException:  # as a timeout, Ctrl-C
        _kill(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _kill(process: "subprocess.Popen[str]") -> None:
    """Kill a process, its session, and those that it started in sessions of their own."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        # Asked before the parent dies: its orphans cannot be found by it afterwards.
        family = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
