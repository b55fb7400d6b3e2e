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


def ends(pid: int) -> bool:
    """Return whether a process ends soon, which a killed one does when it is next run."""
    try:
        return psutil.Process(pid).wait(timeout=30) is None
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        run_to_end([sys.executable, "-c", STARTS_ANOTHER, str(file)], {}, timeout_s=5)
    pid = int(file.read_text())
    assert ends(pid)


LEAVES_ONE = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
"""


def test_what_a_command_left_behind_is_killed_when_it_keeps_the_output_open() -> None:
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run_to_end([sys.executable, "-c", LEAVES_ONE], {}, timeout_s=5)
    pid = int(caught.value.output or 0)
    assert pid
    assert ends(pid)


def test_a_command_that_ends_hands_over_its_code_and_words() -> None:
    says = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run_to_end([sys.executable, "-c", says], {})
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
