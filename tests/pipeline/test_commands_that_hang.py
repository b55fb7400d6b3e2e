"""A test's command that hangs is ended with everything it started."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.helpers.run_to_end import run_to_end

STARTS_ANOTHER = """
import subprocess, sys, time
sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleeps, start_new_session=True)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""  # in a session of its own, as torchrun starts its processes


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        run_to_end([sys.executable, "-c", STARTS_ANOTHER, str(file)], {}, timeout_s=5)
    pid = int(file.read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_command_that_ends_hands_over_its_code_and_words() -> None:
    says = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run_to_end([sys.executable, "-c", says], {})
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
