"""The training job's own promises, kept with a train.py that does nothing but live and end."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.jobs import SLOWER, fields, log, submit, wait_until
from tests.slurm.nodes import NODES, kill_steps, temporary_files

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 240)]

HEAD = """
import json, os, signal, sys, time
from pathlib import Path
given = dict(word.split("=", 1) for word in sys.argv[2:])
run = Path(given["run_dir"])
run.mkdir(exist_ok=True)
rank, world = os.environ["RANK"], os.environ["WORLD_SIZE"]
attempt = os.environ.get("SLURM_RESTART_COUNT", "0")
def end(state, code):
    if rank == "0":
        status = {"state": state, "code": code, "message": f"attempt {attempt}"}
        (run / "status.json.part").write_text(json.dumps(status))
        (run / "status.json.part").rename(run / "status.json")
    while state == "preempted" and not (run / "status.json").exists():
        time.sleep(0.1)  # one that leaves takes the others with it
    sys.exit(code)
"""
ASKS_TO_BE_REQUEUED = """
asked = []
for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, lambda got, frame: asked.append(signal.Signals(got).name))
(run / f"started-{attempt}-{rank}").write_text(os.environ["SLURMD_NODENAME"])
while attempt == "0" and not asked:
    time.sleep(0.1)
if asked:
    (run / f"asked-{rank}").write_text(asked[0])
    end("preempted", 85)
end("done", 0)
"""


def train_with(project: Path, body: str, *sbatch: str, words: tuple[str, ...] = ()) -> str:
    (project / "train.py").write_text(HEAD + body)
    run_dir = f"run_dir={project / 'run'}"
    options = ("--gpus-per-node=0", "--cpus-per-task=2", "--time=60", *sbatch)
    return submit(project, *options, "slurm/train.sbatch", "config.yaml", *words, run_dir)


def wait_for_file(path: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + SLOWER * seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path.name} after {SLOWER * seconds} s"
        time.sleep(0.2)


def test_every_node_gets_a_process_and_the_world_is_told_to_the_configuration(
    project: Path,
) -> None:
    body = "(run / f'{rank}-of-{world}').write_text(f\"{os.environ['SLURMD_NODENAME']} {given}\")\n"
    job = train_with(project, body + "end('done', 0)", "--export=ALL,PROCESSES_PER_NODE=2")
    assert wait_until(job)["JobState"] == "COMPLETED", log(job)
    seen = {path.name: path.read_text().split()[0] for path in (project / "run").glob("*-of-*")}
    assert sorted(seen) == ["0-of-4", "1-of-4", "2-of-4", "3-of-4"]
    assert [seen[f"{rank}-of-4"] for rank in range(4)] == ["lab1", "lab1", "lab2", "lab2"]
    assert "'runtime.processes': '4'" in (project / "run" / "0-of-4").read_text()


def test_a_job_told_of_its_time_limit_saves_itself_and_is_requeued(
    project: Path, nothing_stays: Callable[[], None]
) -> None:
    job = train_with(project, ASKS_TO_BE_REQUEUED)
    for rank in (0, 1):
        wait_for_file(project / "run" / f"started-0-{rank}")
    subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
    end = wait_until(job)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert [(project / "run" / f"asked-{rank}").read_text() for rank in (0, 1)] == ["SIGUSR1"] * 2
    assert "preempted: attempt 0" in log(job)
    assert "done: attempt 1" in log(job)
    nothing_stays()


def test_a_preempted_job_comes_back(project: Path) -> None:
    job = train_with(project, ASKS_TO_BE_REQUEUED)
    for rank in (0, 1):
        wait_for_file(project / "run" / f"started-0-{rank}")
    urgent = submit(
        project,
        "--partition=urgent",
        "--nodes=2",
        "--exclusive",
        "--wrap=sleep 1",
        "--output=/dev/null",
    )
    assert wait_until(urgent)["JobState"] == "COMPLETED"
    end = wait_until(job, "COMPLETED", "FAILED")
    assert end["JobState"] == "COMPLETED", log(job)
    assert (project / "run" / "asked-0").read_text() == "SIGTERM"


def test_a_job_that_is_cancelled_stays_cancelled(project: Path) -> None:
    job = train_with(project, ASKS_TO_BE_REQUEUED)
    wait_for_file(project / "run" / "started-0-1")
    subprocess.run(["scancel", "--full", job], check=True)
    wait_until(job)
    time.sleep(3)
    assert (fields(job)["JobState"], fields(job)["Restarts"]) == ("CANCELLED", "0"), log(job)


def test_what_a_killed_step_leaves_on_its_nodes_goes_with_the_next_training_there(
    project: Path, nothing_stays: Callable[[], None]
) -> None:
    job = train_with(project, ASKS_TO_BE_REQUEUED)
    for rank in (0, 1):
        wait_for_file(project / "run" / f"started-0-{rank}")
    kill_steps(job)
    wait_until(job)
    for node in NODES:
        assert [name for name in temporary_files(node) if name.startswith(f"emotalk-{job}.0-")]
    assert wait_until(train_with(project, "end('done', 0)"))["JobState"] == "COMPLETED"
    nothing_stays()


def test_uneven_gpus_are_refused_with_the_nodes(project: Path) -> None:
    job = train_with(project, "end('done', 0)", "--gpus=6", "--nodes=2")
    assert wait_until(job)["ExitCode"] == "2:0", log(job)
    assert "lab1 4, lab2 2" in log(job)
    assert "--gpus-per-node=N" in log(job)


@pytest.mark.parametrize(
    "options",
    ["--gpus-per-node=2", "--gres=gpu:2", "--gpus-per-node=4 --gres=gpu:2",
     "--gpus-per-node=2 --ntasks-per-node=4"],
)  # fmt: skip
def test_as_many_processes_run_as_the_allocation_has_gpus(project: Path, options: str) -> None:
    body = "end('done', 0) if world == '4' else end('failed', 1)"
    job = train_with(project, body, *options.split())
    assert wait_until(job)["JobState"] == "COMPLETED", log(job)


def test_a_failure_keeps_its_code_and_is_not_requeued(project: Path) -> None:
    job = train_with(project, "end('wrong_use', 2)")
    end = wait_until(job)
    assert (end["JobState"], end["ExitCode"], end["Restarts"]) == ("FAILED", "2:0", "0"), log(job)


def test_the_status_of_an_earlier_attempt_is_not_taken_for_this_one(project: Path) -> None:
    (project / "run").mkdir()
    (project / "run" / "status.json").write_text(
        '{"state": "preempted", "code": 85, "message": ""}'
    )
    job = train_with(project, "raise MemoryError('before any status was written')")
    end = wait_until(job)
    assert (end["JobState"], end["ExitCode"], end["Restarts"]) == ("FAILED", "1:0", "0"), log(job)


def test_a_requeue_has_an_end(project: Path) -> None:
    job = train_with(project, "end('preempted', 85)", "--export=ALL,MAX_RESTARTS=0")
    assert wait_until(job)["ExitCode"] == "2:0", log(job)
    assert "MAX_RESTARTS=0" in log(job)


@pytest.mark.parametrize("missing", ["config", "run_dir"])
def test_wrong_use_is_one_line_and_code_2(project: Path, missing: str) -> None:
    words = ("none.yaml", "run_dir=x") if missing == "config" else ("config.yaml",)
    job = submit(project, "--gpus-per-node=0", "slurm/train.sbatch", *words)
    assert wait_until(job)["ExitCode"] == "2:0"
    assert "usage: sbatch slurm/train.sbatch" in log(job)
    assert len(log(job).strip().splitlines()) == 1
    assert fields(job)["Restarts"] == "0"
