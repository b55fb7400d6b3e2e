"""Run `python etl/shard.py` as a process of its own, whose workers and driver a test may kill."""

import glob
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from emotalk.config.etl import EtlConfig
from emotalk.config.load import load_config
from etl.job.output import lock_output
from etl.job.plan import make_plan
from etl.job.run import run_job
from tests.helpers.real_shards import InThisProcess, Quiet

PROJECT = Path(__file__).parents[2]
SHARD_PY = str(PROJECT / "etl" / "shard.py")
GONE_S = 20.0
# Ray's own, which wait a minute for its head to come back: agents, and workers that were just being
# started, which have not yet taken the name `ray::`.
AGENTS = (
    "DashboardAgent", "RuntimeEnvAgent", "dashboard/agent.py", "runtime_env/agent/main.py",
    "workers/default_worker.py",
)  # fmt: skip
AGENTS_GONE_S = 120.0


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


def made_in_one_process(command: Sequence[str], output: Path) -> dict[str, str]:
    """Return the hashes of what a command makes in this process, without Ray or disturbance."""
    config = load_config(EtlConfig, Path(command[0]), [*command[1:], f"output={output}"])
    with lock_output(output):
        run_job(config, make_plan(config), InThisProcess(), Quiet())
    return digests(output)


class EtlRun:
    """Hold one run of the command, on a Ray of its own."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.agents: list[psutil.Process] = []
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
        workers = [
            process
            for process in self.family()
            if _words(process).startswith("ray::") and not _is_agent(process)
        ]
        if workers:
            _kill(rng.choice(workers))
        return bool(workers)

    def kill_driver(self) -> list[str]:
        """SIGKILL the driver; return what it had started and is still there after a while.

        But for Ray's agents, that hold and write nothing of ours: `agents_stay` tells of them.
        """
        family = [process for process in self.family() if not _is_agent(process)]
        self.agents = [process for process in self.family() if _is_agent(process)]
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()
        _, alive = psutil.wait_procs(family, timeout=GONE_S)
        self.agents += [process for process in alive if _is_agent(process)]
        return [_words(process) for process in alive if not _is_agent(process)]

    def agents_stay(self) -> bool:
        """Return whether Ray's agents outlive a killed driver for long."""
        return bool(psutil.wait_procs(self.agents, timeout=AGENTS_GONE_S)[1])

    def finish(self, timeout: float = 500.0) -> tuple[int, str]:
        """Return exit code and all that was said."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
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
    # Not Path.glob, which fails where a folder that it looks into is removed meanwhile.
    return len(glob.glob(f"{glob.escape(str(output))}/.work/*/*/*.clip"))


def _is_agent(process: psutil.Process) -> bool:
    return any(name in _words(process) for name in AGENTS)


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
