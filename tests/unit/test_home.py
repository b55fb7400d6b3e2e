"""A process without a home folder and without a user name works all the same."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from emotalk.home import ensure_home

ROOT = Path(__file__).parents[2]
STRANGER = 54321  # a number that no user here has


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr("emotalk.home.tempfile.gettempdir", lambda: str(tmp_path))
    return tmp_path


def test_who_has_a_home_keeps_it(nobody: Path) -> None:
    environment = {"HOME": "/home/anna", "USER": "anna"}
    assert ensure_home(environment) is None
    assert environment == {"HOME": "/home/anna", "USER": "anna"}


def test_who_has_none_gets_a_folder_of_their_own(nobody: Path) -> None:
    environment: dict[str, str] = {}
    made = ensure_home(environment)
    assert made is not None
    assert made.parent == nobody
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert environment == {"HOME": str(made), "USER": f"uid{os.getuid()}"}
    assert ensure_home({}) == made


def test_a_folder_that_others_may_write_to_is_not_taken(nobody: Path) -> None:
    made = ensure_home({})
    assert made is not None
    made.chmod(0o777)
    assert ensure_home({}) != made
    made.rmdir()
    made.symlink_to(nobody)
    assert ensure_home({}) != made


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else"
)
def test_libraries_load_for_a_user_without_home_and_name(tmp_path: Path) -> None:
    """What doctor, generate and training load asks for a home folder and a user's name."""
    tmp_path.chmod(0o777)
    program = (
        "import sys; sys.argv = ['emotalk', 'generate', '--help']\n"
        "from emotalk.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import getpass, pathlib, matplotlib.pyplot, mlflow\n"
        "from emotalk.tracking.mlflow_run import MlflowRun\n"
        "from emotalk.config.etl import LandmarksConfig\n"
        "from emotalk.shards.remote_storage import folder_of\n"
        "print('fine', getpass.getuser(), folder_of('~/x'), pathlib.Path.home())\n"
    )
    caps = "+dac_read_search,+dac_override"  # to read this interpreter, wherever it lies
    who = [f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    who += [f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    run = subprocess.run(
        ["setpriv", *who, sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    if "not permitted" in run.stderr:
        pytest.skip(f"capabilities may not be kept here: {run.stderr.strip()}")
    place = tmp_path / f"emotalk-home-{STRANGER}"
    assert f"fine uid{STRANGER} {place}/x {place}" in run.stdout, run.stderr[-2000:]
