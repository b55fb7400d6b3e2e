"""Kill the nodes of the lab and start them again; fill and look into their temporary folders."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.slurm.jobs import ROOT, SLOWER

LAB = Path(os.environ.get("SLURM_CONF", "/nowhere/slurm.conf")).parent
NODES = ("lab1", "lab2")
DISK = LAB / "disk"
"""A folder that each node has for itself; `only-lab1` in it is there on lab1 alone."""


def kill_node(node: str) -> None:
    """End everything on a node at once, as a loss of power does, and let Slurm notice it."""
    first = psutil.Process(int((LAB / "run" / f"{node}.pid").read_text()))
    first.kill()
    first.wait(timeout=60)  # while it is there, the lab takes the node for a running one
    _scontrol("update", f"nodename={node}", "state=down", "reason=killed")


def bring_back(node: str, seconds: float = 60) -> None:
    """Start a node that was killed or taken down, and wait until Slurm gives it jobs again.

    Its /tmp keeps what was in it, as a disk does.
    """
    subprocess.run(["bash", "tests/slurm/lab.sh", "node", node], cwd=ROOT, check=True)
    deadline = time.monotonic() + SLOWER * seconds
    while _state(node) not in ("idle", "mixed", "allocated"):
        assert time.monotonic() < deadline, f"{node} is {_state(node)} after {SLOWER * seconds} s"
        subprocess.run(
            ["scontrol", "update", f"nodename={node}", "state=resume"],
            capture_output=True, check=False,
        )  # fmt: skip
        time.sleep(0.5)


def kill_steps(job: str) -> None:
    """Kill the script of a training on each node, so that nothing there clears away."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            of_job = process.environ().get("SLURM_JOB_ID") == job
            if of_job and "slurm/train_node.sh" in process.cmdline():
                process.kill()


def rank_of(job: str, rank: int) -> psutil.Process | None:
    """Return the training process of a rank of a job, or None where there is none yet."""
    for process in psutil.process_iter():
        try:
            names, line = process.environ(), process.cmdline()
        except psutil.Error:
            continue
        trains = any(word.endswith("train.py") for word in line[1:3])
        if trains and (names.get("SLURM_JOB_ID"), names.get("RANK")) == (job, str(rank)):
            return process
    return None


def temporary_files(node: str) -> list[str]:
    """Return the names of what lies in a node's /tmp."""
    return sorted(path.name for path in (LAB / "tmp" / node).iterdir())


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room in a folder's file system, whatever else is written to it meanwhile."""
    path = folder / "filler"
    piece = bytes(2**20)
    try:
        with suppress(OSError), path.open("wb", buffering=0) as file:
            while file.write(piece):
                pass
        yield
    finally:
        path.unlink()


@contextmanager
def full_disk(node: str) -> Iterator[None]:
    """Leave no room in a node's /tmp."""
    with filled(LAB / "tmp" / node):
        yield


@contextmanager
def hidden(node: str, folder: Path) -> Iterator[None]:
    """Take a folder away from a node, where it is empty then, as after an unmount."""
    (shell,) = psutil.Process(int((LAB / "run" / f"{node}.pid").read_text())).children()
    there = ("nsenter", f"--target={shell.pid}", "--mount", "--pid")
    subprocess.run([*there, "mount", "-t", "tmpfs", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([*there, "umount", "--lazy", str(folder)], check=True)


def _state(node: str) -> str:
    words = ("sinfo", "--noheader", "--Node", f"--nodes={node}", "--partition=main", "--format=%T")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def _scontrol(*words: str) -> None:
    subprocess.run(["scontrol", *words], check=True)
