"""Nodes compute together; one that does not come is named by the others."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from emotalk.preflight.exchange import exchange
from emotalk.preflight.lines import joined
from tests.helpers.tiny_training import ROOT


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_two_nodes_see_each_other_and_add_up_numbers(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for node in ("lab1", "lab2"):
        (tmp_path / "p" / node).touch()
    words = ["--write", str(tmp_path), "--probe", "p", "--nodes", "lab1,lab2"]
    words += ["--address", "127.0.0.1", "--port", str(free_port())]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "emotalk.preflight.exchange", *words],
            cwd=ROOT,
            env=os.environ | {"SLURM_NODEID": str(rank), "SLURMD_NODENAME": f"lab{rank + 1}"},
            stdout=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for rank, process in enumerate(running):
        said = process.communicate(timeout=120)[0]
        facts = joined(said.splitlines())["exchange", f"lab{rank + 1}"]
        assert (facts["unseen"], facts["gpu_faults"]) == ([], [])
        assert facts["exchange"]["backend"] == "gloo"
        assert facts["exchange"]["mib"] == 16


def test_a_node_that_does_not_come_is_named() -> None:
    facts = exchange(0, ["lab1", "lab2"], "127.0.0.1", free_port(), join_s=0.3)
    assert facts == {"missing": ["lab2"]}


def test_a_first_node_that_nobody_reaches_is_a_fault() -> None:
    facts = exchange(1, ["lab1", "lab2"], "127.0.0.1", free_port(), join_s=1.0)
    assert "fault" in facts
