"""`accelerate launch` with the project's own files: three steps in one process and in two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.tiny_training import ROOT, read_metrics, tiny_shards, tiny_yaml

THREE_STEPS = ("stages.emotion.iterations=1", "stages.gan.iterations=2")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("launch")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


def launch(machine: str, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    accelerate = Path(sys.executable).with_name("accelerate")
    profile = ROOT / "launch" / "accelerate" / f"{machine}.yaml"
    command = [str(accelerate), "launch", "--config_file", str(profile), "train.py", str(config)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.distributed
@pytest.mark.parametrize(("machine", "processes"), [("cpu1", 1), ("cpu2", 2)])
def test_three_steps(config: Path, tmp_path: Path, machine: str, processes: int) -> None:
    run_dir = tmp_path / "run"
    words = (f"run_dir={run_dir}", f"runtime.processes={processes}", *THREE_STEPS)
    done = launch(machine, config, *words)
    assert done.returncode == 0, done.stderr
    status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    assert (status["state"], status["step"]) == ("done", 3)
    assert [line["step"] for line in read_metrics(run_dir)] == [1, 2, 3]


def test_a_launch_of_another_size_than_configured_is_refused(config: Path, tmp_path: Path) -> None:
    done = launch("cpu1", config, f"run_dir={tmp_path / 'run'}", "runtime.processes=2")
    assert done.returncode == 1, "launchers turn every code into 1"
    assert "runtime.processes is 2, but the launcher started 1" in done.stderr
    assert not (tmp_path / "run" / "checkpoints").exists()
