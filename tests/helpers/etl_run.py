"""`python etl/shard.py` as a process of its own, whose workers and driver a test may kill."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[2]
SHARD_PY = str(PROJECT / "etl" / "shard.py")
GONE_S = 20.0
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # Ray's own, a minute slower to go


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of every file; of the manifest without what differs between runs."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.name == "manifest.json":
            tree = json.loads(data)
            tree.pop("run")
            data = json.dumps(tree).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()
    return found


class EtlRun:
    """One run of the command, on a Ray of its own."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, SHARD_PY, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def family(self) -> list[psutil.Process]:
        """Return all processes that the driver started, directly or not."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill_worker(self, rng: random.Random) -> bool:
        """SIGKILL one of Ray's worker processes; return whether there was one."""
        titles = [(_title(p), p) for p in self.family()]
        workers = [p for title, p in titles if title.startswith("ray::") and title not in AGENTS]
        if workers:
            _kill(rng.choice(workers))
        return bool(workers)

    def kill_driver(self) -> list[psutil.Process]:
        """SIGKILL the driver; return what it had started and is still there after a while.

        But for two agents of Ray that hold and write nothing of ours, and wait a minute for its
        head to come back.
        """
        family = [process for process in self.family() if _title(process) not in AGENTS]
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        _, alive = psutil.wait_procs(family, timeout=GONE_S)
        return alive

    def finish(self, timeout: float = 240.0) -> tuple[int, str]:
        """Return exit code and all that was said."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out + err

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Wait until the condition holds, the run still going on."""
        until = time.monotonic() + seconds
        while not condition():
            if not self.running:
                raise AssertionError(f"the run ended too early: {self.finish()}")
            if time.monotonic() > until:
                raise AssertionError(f"nothing after {seconds} s")
            time.sleep(0.01)


def finished_clips(output: Path) -> int:
    """Return how many clips a run under way has finished."""
    return len(list(output.glob(".work/*/*.clip")))


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1]).strip()
    except psutil.Error:
        return ""


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
