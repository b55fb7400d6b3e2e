"""A node comes up where its agents are loaded more slowly than Ray allows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.tiny_training import ROOT

SLOW_ONCE = """
import os, sys, time
words = " ".join(sys.orig_argv)
if "dashboard" in words and "agent.py" in words:
    try:
        os.remove({marker!r})
    except FileNotFoundError:
        pass
    else:
        time.sleep(60)
"""
JOB = """
from etl.cluster import cluster
with cluster("local", 1) as here:
    print(sorted(result for _, result in here.stream(lambda number: number + 1, [0, 1])))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_does_not_die_of_an_agent_that_is_loaded_slowly(tmp_path: Path) -> None:
    marker = tmp_path / "not yet slow"
    marker.touch()
    (tmp_path / "sitecustomize.py").write_text(SLOW_ONCE.format(marker=str(marker)))
    done = subprocess.run(
        [sys.executable, "-c", JOB],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not marker.exists()
    assert "no node came up here" not in done.stderr
    assert done.stdout.splitlines()[-1] == "[1, 2]"
