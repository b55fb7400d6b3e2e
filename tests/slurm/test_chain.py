"""The three jobs: raw clips to a report with everything real, or nothing is queued."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.slurm.jobs import ROOT, SLOWER, ended_well, log, queued, submit, wait_until
from tests.slurm.nodes import NODES, temporary_files
from tests.slurm.test_train_job import wait_for_file

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(SLOWER * 900)]

CPU = "--gpus-per-node=0 --cpus-per-task=1"
SMALL = (
    "model.width=0.05",
    "data.frames=6",
    "stages.emotion.iterations=1",
    "stages.initialise.iterations=2",
    "stages.gan.iterations=1",
    "validation.clips=1",
    "tracking.mlflow.enabled=false",
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "drawn"
    words = ("synth", str(folder), "--actors", "4", "--clips-per-actor", "3", "--seed", "1")
    subprocess.run([ROOT / ".venv" / "bin" / "emotalk", *words], check=True)
    return folder


def chain(
    corpus: Path, work: Path, *words: str, train: str = "demo", path: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run chain.sh with everything on CPUs and small, as the settings do not say otherwise."""
    output = f"--output={work.parent}/%x-%j.log"
    given = {
        "ETL_OPTIONS": f"--cpus-per-task=2 {output}",
        "TRAIN_OPTIONS": f"{CPU} {output}",
        "EVALUATE_OPTIONS": f"--cpus-per-task=1 {output}",
        "ETL_SETTINGS": "landmarks.backend=sidecar",
        "EVALUATE_CONFIG": "configs/evaluate/default.yaml",
        "EVALUATE_SETTINGS": "clips=2",
        "PATH": f"{path}{os.environ['PATH']}",
    }
    configs = ("configs/etl/crema_d.yaml", f"configs/train/{train}.yaml")
    command = ["bash", "slurm/chain.sh", *configs, str(corpus), str(work), *words]
    environment = os.environ | given | settings
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT
    )


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return the work folder of a chain that has ended, and its jobs."""
    work = tmp_path_factory.mktemp("chain") / "work"
    done = chain(corpus, work, *SMALL)
    assert done.returncode == 0, done.stderr
    jobs = [line.split()[-1] for line in done.stdout.splitlines()[:3]]
    for job in jobs:
        end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", seconds=400)
        assert end["JobState"] == "COMPLETED", log(job)
    return work, jobs


def test_the_chain_ends_in_a_report(finished: tuple[Path, list[str]]) -> None:
    work, jobs = finished
    report = (work / "report" / "run" / "report.md").read_text(encoding="utf-8")
    assert "PSNR" in report
    assert ended_well(jobs[0])
    assert not {node for node in NODES if f"ray-{jobs[0]}" in temporary_files(node)}


def test_an_array_measures_a_checkpoint_in_each_task(
    finished: tuple[Path, list[str]], tmp_path: Path
) -> None:
    work, _ = finished
    newest = max((work / "run" / "checkpoints").glob("step-*"))
    job = submit(
        ROOT, "--array=0-1", "--cpus-per-task=1", f"--output={tmp_path}/%a.log",
        "slurm/evaluate.sbatch", work / "shards", tmp_path / "report", work / "run", newest,
        "--", "--config", "configs/evaluate/default.yaml", "clips=1",
    )  # fmt: skip
    for task, name in enumerate(("run", newest.name)):
        end = wait_until(f"{job}_{task}", seconds=400)
        assert end["JobState"] == "COMPLETED", (tmp_path / f"{task}.log").read_text()
        assert (tmp_path / "report" / name / "report.md").is_file()


NO_PARTITION = "--partition=nowhere"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ETL_OPTIONS": NO_PARTITION}, "would not take the ETL job"),
        ({"TRAIN_OPTIONS": NO_PARTITION}, "would not take the training job"),
        ({"EVALUATE_OPTIONS": NO_PARTITION}, "would not take the evaluation job"),
        ({"TRAIN_OPTIONS": "--nodes=3 --gpus-per-node=0"}, "would not take the training job"),
        ({"TRAIN_OPTIONS": "--gpus-per-node=3"}, "batch_size 8 is not divisible .* = 6"),
        ({"TRAIN_OPTIONS": "--gpus-per-node=3"}, "TRAIN_OPTIONS='--nodes=1 --gpus-per-node=4'"),
        ({"TRAIN_OPTIONS": "--gpus-per-node=0 --gpus=6 --nodes=2"}, "on 6 process"),
        ({"TRAIN_OPTIONS": "--gres=gpu:3 --gpus-per-node=4"}, "on 6 process"),
        ({"TRAIN_OPTIONS": "--comment='two words' --gpus-per-node=3"}, "on 6 process"),
        ({"ETL_SETTINGS": "'landmarks.backend=no body'"}, "no body"),
        ({"ETL_SETTINGS": "'landmarks.backend=sidecar"}, "quote"),
        ({"TRAIN_OPTIONS": "--gpus-per-node=0 --gpus=5 --nodes=2"}, "--gpus-per-node=N"),
        ({"TRAIN_OPTIONS": "--nodes=1-2 --gpus-per-node=0"}, "give one number"),
        ({"ETL_SETTINGS": "landmarks.backend=nobody"}, "the ETL would fail"),
        ({"ETL_SETTINGS": "landmarks.root=/nowhere"}, "insightface model pack .* does not exist"),
        ({"TRAIN_OPTIONS": CPU, "PROCESSES_PER_NODE": "two"}, "give a whole number, 1 or more"),
        ({"EVALUATE_SETTINGS": "clips=many"}, "the evaluation would fail"),
        ({"EVALUATE_CONFIG": "configs/none.yaml"}, "the evaluation would fail"),
    ],
)
def test_a_refusal_leaves_nothing_in_the_queue(
    corpus: Path, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    before = queued()
    done = chain(corpus, tmp_path / "work", *SMALL, **settings)
    assert done.returncode == 2
    assert re.search(message, done.stderr), done.stderr
    assert "nothing is queued" in done.stderr
    assert queued() <= before
    assert not (tmp_path / "work").exists()


def test_a_submission_that_fails_takes_the_earlier_ones_back(corpus: Path, tmp_path: Path) -> None:
    """The controller goes away after the tests: an sbatch that takes two jobs and no third."""
    real = subprocess.run(["which", "sbatch"], capture_output=True, text=True, check=True)
    fake = tmp_path / "bin" / "sbatch"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/bash\n[[ $* == *--test-only* ]] && exec {real.stdout.strip()} "$@"\n'
        f"[[ $* == *evaluate.sbatch* ]] && echo 'controller gone' >&2 && exit 1\n"
        f'exec {real.stdout.strip()} --hold "$@"\n'
    )
    fake.chmod(0o755)
    before = queued()
    done = chain(corpus, tmp_path / "work", *SMALL, path=f"{fake.parent}:")
    assert done.returncode != 0
    assert "taken back" in done.stderr
    assert queued() <= before


def test_a_chain_that_is_preempted_while_it_queues_queues_no_job_twice(
    corpus: Path, tmp_path: Path
) -> None:
    """The chain runs as a job; its first attempt is requeued after it has queued two of three."""
    real = subprocess.run(["which", "sbatch"], capture_output=True, text=True, check=True)
    fake, cut = tmp_path / "bin" / "sbatch", tmp_path / "cut"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/bash\n[[ $* == *--test-only* ]] && exec {real.stdout.strip()} "$@"\n'
        f'[[ $* == *chain.sh* ]] && exec {real.stdout.strip()} "$@"\n'
        f"[[ $* == *evaluate.sbatch* && ! -e {cut} ]] && touch {cut} && sleep 99\n"
        f'exec {real.stdout.strip()} --hold "$@"\n'
    )
    fake.chmod(0o755)
    settings = {
        "ETL_OPTIONS": "--cpus-per-task=2",
        "TRAIN_OPTIONS": f"{CPU} --comment='two words'",
        "EVALUATE_OPTIONS": "--cpus-per-task=1",
        "ETL_SETTINGS": "landmarks.backend=sidecar",
        "PATH": f"{fake.parent}:{os.environ['PATH']}",
    }
    places = ("configs/etl/crema_d.yaml", "configs/train/demo.yaml", corpus, tmp_path / "work")
    before = queued()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        job = submit(ROOT, f"--output={tmp_path}/chain.log", "slurm/chain.sh", *places, *SMALL)
    wait_for_file(cut, seconds=240)
    first = queued() - before - {job}
    subprocess.run(["scontrol", "requeue", job], check=True)
    end = wait_until(job, "COMPLETED", "FAILED", "CANCELLED", seconds=300)
    jobs = queued() - before - {job}
    words = ("squeue", "--noheader", "--format=%k", f"--jobs={','.join(jobs)}")
    comments = subprocess.run(words, capture_output=True, text=True, check=bool(jobs)).stdout
    subprocess.run(["scancel", *jobs], check=bool(jobs))
    assert (end["JobState"], end["Restarts"]) == ("COMPLETED", "1"), log(job)
    assert (len(first), len(jobs), jobs & first) == (2, 3, set()), log(job)
    mark = f"emotalk-chain={job}:"
    expected = [f"{mark}etl", f"{mark}evaluate", f"two words {mark}train"]
    assert sorted(comments.splitlines()) == expected
