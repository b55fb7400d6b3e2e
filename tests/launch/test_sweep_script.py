"""Each task of a sweep's array trains its own run, and the last one names the best."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.tiny_training import ROOT
from tests.launch.test_slurm_scripts import slurm

__all__ = ["slurm"]

# In place of the launchers: a training that ends at once, its figure ten times its seed.
SRUN = r"""#!/bin/bash
printf '%s\n' "$*" >> "$SAID"
[[ $* == *train.py* ]] || exit 0
for word in "$@"; do
  case $word in run_dir=*) run=${word#*=} ;; seed=*) seed=${word#*=} ;; esac
done
mkdir -p "$run"
printf '%s\n' "${EMOTALK_PARENT_RUN:-none}" > "$run/parent"
printf '{"step": 5, "time": 1, "validation/psnr_mouth": %d}\n' $((seed * 10)) > "$run/metrics.jsonl"
printf '{"state": "done", "code": 0, "message": "all steps are done"}\n' > "$run/status.json"
"""
QUIET = "tracking.mlflow.enabled=false"


@pytest.fixture
def project(tmp_path: Path, slurm: dict[str, str]) -> Path:
    """Return a folder like the project's, without site.sh."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in (".venv", "launch", "emotalk", "train.py", "etl", "configs"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "slurm", folder / "slurm", ignore=shutil.ignore_patterns("site.sh"))
    (tmp_path / "srun").write_text(SRUN)
    return folder


def task(
    project: Path, slurm: dict[str, str], number: int | None, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    array = {}
    if number is not None:
        numbers = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_JOB_ID": str(8 + number)}
        array = {"SLURM_ARRAY_JOB_ID": "7", **numbers}
    return subprocess.run(
        ["bash", "slurm/sweep.sbatch", "configs/train/demo.yaml", *words],
        cwd=project, env=slurm | array | {"PREFLIGHT": "0"} | more,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_task_trains_its_own_run_and_the_table_names_the_best(
    project: Path, slurm: dict[str, str]
) -> None:
    words = ("seed=1,3,2", "--", "shards=shards", QUIET, "run_dir=my sweep")
    for number in (1, 0, 2):
        done = task(project, slurm, number, *words)
        assert done.returncode == 0, done.stderr
    folder = project / "my sweep"
    runs = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert runs == ["000-seed=1", "001-seed=3", "002-seed=2"]
    table = (folder / "sweep.md").read_text()
    assert "best: 001-seed=3, validation/psnr_mouth 30 at step 5" in table
    assert "not ended" not in table
    assert table in done.stdout
    said = [x for x in Path(slurm["SAID"]).read_text().splitlines() if "train.py" in x]
    assert f"shards=shards {QUIET} seed=3 run_dir=my sweep/001-seed=3" in said[0]


def test_the_figure_that_decides_may_be_named(project: Path, slurm: dict[str, str]) -> None:
    metric = {"SWEEP_METRIC": "min:validation/psnr_mouth"}
    for number in (0, 1):
        done = task(
            project, slurm, number, "seed=4,2", "--", "shards=s", "run_dir=r", QUIET, **metric
        )
        assert done.returncode == 0, done.stderr
    assert "best: 001-seed=2" in (project / "r" / "sweep.md").read_text()


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (None, ("seed=1,2", "--", "shards=s", "run_dir=r"), "--array=0-N"),
        (2, ("seed=1,2", "--", "shards=s", "run_dir=r"), "--array=0-1"),
        (0, ("seed=1,x", "--", "shards=s"), "run_dir=DIR"),
        (1, ("seed=1,x", "--", "shards=s", "run_dir=r"), "seed"),
        (0, ("seed=1,2", "--", "shards=s", "run_dir=r", "seed=3"), "given before --"),
        (0, ("--", "shards=s", "run_dir=r"), "KEY=v1"),
    ],
)
def test_wrong_use_ends_with_2_and_starts_nothing(
    project: Path, slurm: dict[str, str], number: int | None, words: tuple[str, ...], said: str
) -> None:
    done = task(project, slurm, number, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "train.py" not in Path(slurm["SAID"]).read_text()
    assert not (project / "r").exists()


def test_runs_stand_below_the_sweeps_own_in_mlflow(project: Path, slurm: dict[str, str]) -> None:
    database = f"sqlite:///{project / 'mlflow.db'}"
    for number in (0, 1):
        words = ("seed=1,2", "--", "shards=s", "run_dir=r")
        done = task(project, slurm, number, *words, MLFLOW_TRACKING_URI=database)
        assert done.returncode == 0, done.stderr
    from mlflow.tracking import MlflowClient

    parent = json.loads((project / "r" / "mlflow.json").read_text())["run_id"]
    parents = {path.read_text().strip() for path in (project / "r").glob("*/parent")}
    assert parents == {parent}
    run = MlflowClient(database).get_run(parent)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"best/validation/psnr_mouth": 20.0}
    assert run.data.params["seed"] == "1,2"


def test_a_server_that_is_away_stops_no_training(project: Path, slurm: dict[str, str]) -> None:
    words = ("seed=1,2", "--", "shards=s", "run_dir=r")
    done = task(project, slurm, 0, *words, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert "sends the table again" in done.stdout
    assert (project / "r" / "000-seed=1" / "parent").read_text() == "none\n"


def test_a_task_of_an_array_is_requeued_by_itself(project: Path, slurm: dict[str, str]) -> None:
    """The number of an array's last task is also that of the whole array."""
    text = "asked=USR1; . slurm/requeue.sh; (requeue_if_asked 1) & wait; learn; exit 0"
    array = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2", "ASK_AGAIN_S": "0"}
    subprocess.run(
        ["timeout", "20", "bash", "-c", text], cwd=project, env=slurm | array, check=False,
        capture_output=True,
    )  # fmt: skip
    asked = Path(slurm["SAID"]).read_text().splitlines()
    assert "requeue 7_2" in asked
    assert all("7_2" in line for line in asked)
