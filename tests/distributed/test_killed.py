"""What happens when a process of a training dies, or is asked to stop."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emotalk.runs.folder import hold_run_folder
from tests.distributed.drill import (
    drill,
    logged_step,
    mlflow_runs,
    passed,
    rank_process,
)
from tests.helpers.run_to_end import LONGEST_S, run_to_end
from tests.helpers.tiny_training import (
    ROOT,
    read_metrics,
    tiny_shards,
    tiny_yaml,
    train,
    train_command,
)

pytestmark = pytest.mark.distributed
LONG = ("stages.gan.iterations=5000", "checkpoint.every=0")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    return tiny_yaml(folder, tiny_shards(folder / "shards"))


def running(config: Path, run_dir: Path) -> "subprocess.Popen[str]":
    """Start two processes and wait until they train."""
    command, environment = train_command(config, run_dir, *LONG, processes=2)
    job = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while logged_step(run_dir) < 2:
        assert job.poll() is None, job.communicate()[1]
        time.sleep(0.1)
    return job


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_rank_that_dies_takes_the_job_with_it(config: Path, tmp_path: Path, rank: int) -> None:
    run_dir = tmp_path / "run"
    job = running(config, run_dir)
    process = rank_process(job.pid, rank)
    assert process is not None
    process.kill()
    said = job.communicate(timeout=LONGEST_S)[1]
    assert job.returncode != 0
    assert "Traceback" in said, "of the one that lost its peer"
    status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    assert (status["state"] == "failed") if rank else (status["state"] in {"failed", "running"})
    assert status["code"] == 1


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_signal_to_one_rank_stops_all_with_a_checkpoint_within_a_step(
    config: Path, tmp_path: Path, rank: int
) -> None:
    run_dir = tmp_path / "run"
    job = running(config, run_dir)
    process = rank_process(job.pid, rank)
    assert process is not None
    before = logged_step(run_dir)
    process.send_signal(signal.SIGUSR1)
    _, said = job.communicate(timeout=LONGEST_S)
    assert said.count("exitcode  : 85") == 2 or said.count("exitcode: 85") >= 1, said
    status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    assert (status["state"], status["code"]) == ("preempted", 85)
    assert (run_dir / f"checkpoints/step-{status['step']:06d}/state.json").exists()
    assert read_metrics(run_dir)[-1]["step"] == status["step"] >= before


def test_two_jobs_in_one_run_folder_refuse_each_other(config: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    command, environment = train_command(config, run_dir, *LONG)
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        while logged_step(run_dir) < 2:
            assert first.poll() is None
            time.sleep(0.1)
        second = train(config, run_dir, *LONG)
        assert second.returncode == 2, second.stderr
        assert f"process {first.pid} on " in second.stderr
        assert "is training here" in second.stderr
        status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
        assert status["state"] == "running", "the first job's status is its own"
    finally:
        first.kill()
        first.wait()
    # the lock has died with its process, though not by its own hand
    hold_run_folder(run_dir).release()


@pytest.mark.slow  # two launches; tests/unit/runs/test_folder.py holds its parts
def test_a_second_start_of_two_processes_touches_nothing_of_a_live_run(
    config: Path, tmp_path: Path
) -> None:
    """Every process is refused, the folder and its holder are named, nobody blames the network."""
    run_dir = tmp_path / "run"
    command, environment = train_command(config, run_dir, *LONG)
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        while logged_step(run_dir) < 2:
            assert first.poll() is None
            time.sleep(0.1)
        live = (run_dir / "status.json").read_bytes()
        settings = (run_dir / "config.yaml").read_bytes()
        second = train(config, run_dir, *LONG, processes=2)
        assert first.poll() is None
        assert (run_dir / "status.json").read_bytes() == live
        assert (run_dir / "config.yaml").read_bytes() == settings
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 1, "launchers turn every code into 1"
    ends = re.findall(r"exitcode  : (-?\d+)", second.stderr)
    assert len(ends) == 2, second.stderr
    assert set(ends) == {"2"}, second.stderr
    holder = f"run_dir {run_dir}: process {first.pid} on "
    assert f"train.py: {holder}" in second.stderr
    assert "gloo" not in second.stderr
    assert f'File "{ROOT / "train.py"}"' not in second.stderr, "no process shows a traceback"


@pytest.mark.slow
def test_an_exception_of_one_rank_is_what_the_status_says(config: Path, tmp_path: Path) -> None:
    """Not what its peers say, who only lose the connection."""
    run_dir = tmp_path / "run"
    command, environment = train_command(config, run_dir, *LONG, processes=2)
    breaking = (
        "import os, sys, runpy; sys.argv = sys.argv[1:]; rank = os.environ['RANK']\n"
        "from emotalk.training import trainer\n"
        "plain = trainer.Trainer._train_one\n"
        "def broken(self):\n"
        "    if rank == '1' and self.state.step == 2: raise RuntimeError('the lamp is out')\n"
        "    return plain(self)\n"
        "trainer.Trainer._train_one = broken\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    script = tmp_path / "breaking.py"
    script.write_text(breaking, encoding="utf-8")
    place = next(n for n, word in enumerate(command) if word.endswith("train.py"))
    command.insert(place, str(script))
    root = Path(command[place + 1]).parent
    environment["PYTHONPATH"] = os.pathsep.join([str(root), environment.get("PYTHONPATH", "")])
    done = run_to_end(command, environment)
    assert done.returncode != 0
    assert "RuntimeError: the lamp is out" in done.stderr
    status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    assert status["message"] == "rank 1: RuntimeError: the lamp is out"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals as on Linux")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_ends_as_an_unbroken_one(tmp_path: Path, processes: int) -> None:
    """`make drill` kills more often and prints the table."""
    outcome = drill(tmp_path, processes, kills=2, seed=1)
    runs = mlflow_runs(tmp_path / "disturbed")
    assert passed(outcome, processes, runs), (outcome, runs)
