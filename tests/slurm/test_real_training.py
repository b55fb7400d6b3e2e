"""The training job with the real train.py: slow saves, signals at every moment of its start."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.tiny_training import read_metrics, tiny_shards, tiny_yaml
from tests.slurm.jobs import ROOT, SLOWER, log, submit, wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 900)]

# Long enough that a signal never comes after the last step.
STEPS = ("stages.gan.iterations=60", "checkpoint.every=0", "tracking.log_every=20")
# Seconds after Slurm has started the job.
USR1_AT = (0.0, 0.2, 1.0, 2.5, 5.0)
PREEMPTED_AT = (0.5, 1.5, 3.0, 4.0, 6.0)
SLOW_STORAGE = ROOT / "tests" / "slurm" / "slow_storage"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like the project's, with a tiny configuration and shards beside it."""
    folder = tmp_path_factory.mktemp("project")
    for name in (".venv", "slurm", "launch", "configs", "emotalk", "etl", "train.py"):
        (folder / name).symlink_to(ROOT / name)
    tiny_yaml(folder, tiny_shards(folder / "shards"))
    return folder


def start(folder: Path, run: str, *sbatch: str, nodes: int = 2) -> str:
    options = (f"--nodes={nodes}", "--gpus-per-node=0", "--cpus-per-task=1", "--time=30")
    words = ("slurm/train.sbatch", "tiny.yaml", f"run_dir={folder / run}", *STEPS)
    return submit(folder, *options, *sbatch, f"--output={folder}/{run}.log", *words)


def status(run_dir: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    return found


def wait_for_steps(run_dir: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + SLOWER * seconds
    while not (run_dir / "metrics.jsonl").exists() or not read_metrics(run_dir):
        assert time.monotonic() < deadline, f"no step after {SLOWER * seconds} s"
        time.sleep(0.2)


def preempt(folder: Path) -> None:
    """Let an urgent job take both nodes for a moment."""
    words = ("--partition=urgent", "--nodes=2", "--exclusive", "--wrap=sleep 1")
    urgent = submit(folder, *words, "--output=/dev/null")
    wait_until(urgent, seconds=200)


@pytest.mark.parametrize(("by", "save_s"), [("preemption", 60), ("time limit", 35)])
def test_a_slow_save_is_waited_for(material: Path, by: str, save_s: int) -> None:
    """Launchers kill what has not ended 30 s after a SIGTERM."""
    name = f"slow-{by.split(maxsplit=1)[0]}"
    slow = f"--export=ALL,SLOW_STORAGE_S={save_s},PYTHONPATH={SLOW_STORAGE}"
    job = start(material, name, slow, "--partition=patient")
    wait_for_steps(material / name)
    told = time.monotonic()
    if by == "preemption":
        preempt(material)
    else:
        subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
        wait_until(job, "PENDING", "REQUEUED", "COMPLETING", "COMPLETED", "FAILED", seconds=150)
    saved_in = time.monotonic() - told
    end = wait_until(job, "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", seconds=400)
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert saved_in > save_s, "the save was not slow: nothing was tested"
    assert "preempted:" in log(job)
    assert "continuing at step" in log(job)
    assert status(material / name)["state"] == "done"


def test_a_signal_at_any_moment_of_the_start_brings_the_job_back(material: Path) -> None:
    rows = [*_told_of_the_limit(material), *_preempted(material)]
    table = "\n".join("{:>6.1f} s  {:9} {:10} {:>2}  {}".format(*row) for row in rows)
    sys.stdout.write(f"\nsignal at  by        ends as    restarts  first attempt\n{table}\n")
    # Slurm may drop a signal that comes before it has started the script.
    missed = [row for row in rows if row[0] == 0 and row[2:4] == ("COMPLETED", "0")]
    told = [row for row in rows if row not in missed]
    assert [row[2:4] for row in told] == [("COMPLETED", "1")] * len(told), table


Row = tuple[float, str, str, str, str]


def _told_of_the_limit(folder: Path) -> list[Row]:
    """Signal jobs of one process, each at its moment, all at once under way."""
    jobs = {}
    for seconds in USR1_AT:
        job = start(folder, f"usr1-{seconds}", nodes=1)
        wait_until(job, "RUNNING", seconds=60)
        time.sleep(seconds)
        subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
        jobs[job] = seconds
    return [_row(job, folder / f"usr1-{seconds}", seconds, "USR1") for job, seconds in jobs.items()]


def _preempted(folder: Path) -> list[Row]:
    """Let one urgent job preempt jobs of two nodes, each as old as its moment."""
    jobs: dict[str, float] = {}
    began = time.monotonic()
    oldest = max(PREEMPTED_AT)
    for seconds in sorted(PREEMPTED_AT, reverse=True):
        time.sleep(max(0.0, began + oldest - seconds - time.monotonic()))
        job = start(folder, f"preempted-{seconds}", "--partition=patient")
        wait_until(job, "RUNNING", seconds=60)
        jobs[job] = seconds
    time.sleep(min(PREEMPTED_AT))
    preempt(folder)
    return [
        _row(job, folder / f"preempted-{seconds}", seconds, "preempted")
        for job, seconds in jobs.items()
    ]


def _row(job: str, run_dir: Path, seconds: float, by: str) -> Row:
    end = wait_until(job, "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", seconds=500)
    state = status(run_dir)["state"] if (run_dir / "status.json").exists() else "no status"
    said = [line for line in log(job).splitlines() if line.startswith("emotalk-train: ")]
    first = said[0].partition("emotalk-train: ")[2] or said[0] if said else "killed by Slurm"
    shown = end["JobState"] if state in ("done", "no status") else f"{end['JobState']}, {state}"
    return seconds, by, shown, end["Restarts"], first[:90]
