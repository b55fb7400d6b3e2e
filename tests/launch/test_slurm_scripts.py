"""The batch scripts on clusters unlike the lab, with srun and scontrol in place of Slurm's."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.tiny_training import ROOT

SRUN = """#!/bin/bash
printf '%s\\n' "$*" >> "$SAID"
"""
# `scontrol show hostnames`, and a controller that is away for the first calls of the others.
SCONTROL = """#!/bin/bash
[[ $2 == hostnames ]] && { echo node1; exit; }
echo "$*" >> "$SAID"
(($(wc -l < "$SAID") > AWAY)) || { echo 'Unable to contact slurm controller' >&2; exit 1; }
[[ $1 == show ]] && echo 'JobId=7 JobState=RUNNING PreemptTime=None StartTime=2026-01-01T00:00:00'
[[ $1 == requeue ]] && kill -TERM $PPID
exit 0
"""


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """Return an environment as a job has it; what the commands were told is in SAID."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "said").touch()
    return {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SAID": str(tmp_path / "said"),
        "AWAY": "0",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NAME": "job",
        "SLURM_JOB_NODELIST": "node1",
        "SLURM_NNODES": "1",
    }


def evaluate(slurm: dict[str, str], *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "slurm/evaluate.sbatch", "shards", "out put", *words],
        cwd=ROOT, env=slurm | more, capture_output=True, text=True, check=False,
    )  # fmt: skip


def measured(slurm: dict[str, str]) -> list[str]:
    lines = Path(slurm["SAID"]).read_text(encoding="utf-8").splitlines()
    return [
        Path(line.split("--checkpoint ")[1].split(" --shards")[0]).name
        for line in lines
        if "--checkpoint " in line
    ]


@pytest.mark.parametrize("numbers", [[0, 1, 2], [0, 2, 4], [5, 6], [3], [10, 20, 30, 40]])
def test_an_array_measures_every_checkpoint_once(slurm: dict[str, str], numbers: list[int]) -> None:
    names = [f"step-{number}" for number in range(7)]
    for number in numbers:
        array = {
            "SLURM_ARRAY_TASK_ID": number,
            "SLURM_ARRAY_TASK_MIN": numbers[0],
            "SLURM_ARRAY_TASK_MAX": numbers[-1],
            "SLURM_ARRAY_TASK_COUNT": len(numbers),
        }
        done = evaluate(slurm, *names, **{name: str(value) for name, value in array.items()})
        assert done.returncode == 0, done.stderr
    assert sorted(measured(slurm)) == names


def test_an_array_without_a_step_is_refused(slurm: dict[str, str]) -> None:
    array = {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "6"}
    done = evaluate(slurm, "a", "b", "c", SLURM_ARRAY_TASK_COUNT="3", **array)
    assert (done.returncode, measured(slurm)) == (2, [])
    assert "--array=0-2" in done.stderr


def test_two_checkpoints_of_one_name_are_refused(slurm: dict[str, str]) -> None:
    done = evaluate(slurm, "one/run", "two/run", "two/other")
    assert (done.returncode, measured(slurm)) == (2, [])
    assert "out put/run" in done.stderr


def test_any_configuration_and_any_key_reach_the_evaluation(slurm: dict[str, str]) -> None:
    words = ("--", "--config", "configs/evaluate/report.yaml", "clips=3", "finder.root=/my models")
    done = evaluate(slurm, "run", *words)
    assert done.returncode == 0, done.stderr
    said = Path(slurm["SAID"]).read_text(encoding="utf-8")
    assert said.rstrip().endswith(" ".join(words[1:]))


def ended(slurm: dict[str, str], code: int, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the last word of a job that ended with a code."""
    script = f"set -euo pipefail; asked=''; . slurm/requeue.sh; requeue_if_asked {code}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT, env=slurm | {"ASK_AGAIN_S": "0"} | more,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_controller_that_starts_anew_does_not_lose_a_requeue(slurm: dict[str, str]) -> None:
    ended(slurm, 85, AWAY="2")
    said = Path(slurm["SAID"]).read_text(encoding="utf-8").split("\n")
    assert said[-2] == "requeue 7"
    assert said.count("requeue 7") == 1


def test_a_controller_that_stays_away_leaves_the_code(slurm: dict[str, str]) -> None:
    assert ended(slurm, 85, AWAY="99").returncode == 85
    assert "requeue 7" not in Path(slurm["SAID"]).read_text(encoding="utf-8")


def test_each_node_gets_one_task_whatever_the_job_asked_for(slurm: dict[str, str]) -> None:
    """With --ntasks-per-node=4 srun ignores its own; --gres wins over what the script asks for."""
    job = {"SLURM_NNODES": "2", "SLURM_NTASKS": "8", "SLURM_GPUS_PER_NODE": "4"}
    script = '. slurm/env.sh; echo "${every_node[*]} ${SLURM_GPUS_PER_NODE:-all}"'
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT, env=slurm | job, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [
        "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpus-per-task=1", "all",
    ]  # fmt: skip
    for name in ("train.sbatch", "preflight.sh"):
        text = (ROOT / "slurm" / name).read_text(encoding="utf-8")
        assert '"${every_node[@]}"' in text
