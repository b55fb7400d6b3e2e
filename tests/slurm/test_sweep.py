"""A sweep on Slurm: an array whose tasks are trainings, one of them requeued by itself."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.slurm.jobs import SLOWER, fields, submit, wait_until
from tests.slurm.test_train_job import HEAD

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 500)]

BODY = """
asked = []
for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, lambda got, frame: asked.append(got))
(run / f"attempt-{attempt}").touch()
while given["seed"] == "2" and attempt == "0" and not asked:
    time.sleep(0.1)
figure = {"step": 5, "time": 1, "validation/psnr_mouth": 10 * int(given["seed"])}
(run / "metrics.jsonl").write_text(json.dumps(figure) + "\\n")
if asked:
    end("preempted", 85)
end("done", 0)
"""


def test_one_task_is_requeued_alone_and_the_best_run_is_named(project: Path) -> None:
    (project / "train.py").write_text(HEAD + BODY)
    job = submit(
        project, "--array=0-1", "--gpus-per-node=0", "--cpus-per-task=2", "--time=60",
        "slurm/sweep.sbatch", "configs/train/demo.yaml", "seed=1,2", "--",
        "shards=s", "run_dir=sweep", "tracking.mlflow.enabled=false",
    )  # fmt: skip
    second = project / "sweep" / "001-seed=2"
    deadline = time.monotonic() + SLOWER * 60
    while not (second / "attempt-0").exists():
        assert time.monotonic() < deadline, [path.read_text() for path in project.glob("*.log")]
        time.sleep(0.2)
    wait_until(f"{job}_0", seconds=200)
    subprocess.run(["scancel", "--batch", "--signal=USR1", f"{job}_1"], check=True)
    wait_until(f"{job}_1", seconds=200)
    ends = [fields(f"{job}_{number}") for number in (0, 1)]
    logs = [path.read_text() for path in project.glob("*.log")]
    assert [end["JobState"] for end in ends] == ["COMPLETED"] * 2, logs
    assert [end["Restarts"] for end in ends] == ["0", "1"]
    table = (project / "sweep" / "sweep.md").read_text()
    assert "best: 001-seed=2, validation/psnr_mouth 20 at step 5" in table
    assert "not ended" not in table
