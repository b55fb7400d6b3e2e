import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.jobs import ROOT
from tests.slurm.nodes import NODES, temporary_files


@pytest.fixture(scope="session", autouse=True)
def slurm() -> None:
    """Skip unless a Slurm answers."""
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm here; `make test-slurm` installs and starts one")
    answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip(
            f"Slurm does not answer ({answer.stderr.strip()}); `make test-slurm` starts one"
        )


@pytest.fixture(autouse=True)
def _without_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the examination of the nodes out, except where a test asks for it."""
    monkeypatch.setenv("PREFLIGHT", "0")


@pytest.fixture
def nothing_stays() -> Callable[[], None]:
    """Return a check that nothing is in the nodes' temporary folders that was not there before."""
    before = {node: set(temporary_files(node)) for node in NODES}

    def check() -> None:
        now = {node: set(temporary_files(node)) - before[node] for node in NODES}
        assert now == {node: set() for node in NODES}

    return check


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder like the project's, whose train.py and other parts a test may write."""
    for name in (".venv", "slurm", "launch", "configs", "emotalk"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "etl").mkdir()
    (tmp_path / "etl" / "shard.py").touch()
    (tmp_path / "train.py").touch()
    (tmp_path / "config.yaml").touch()
    return tmp_path
