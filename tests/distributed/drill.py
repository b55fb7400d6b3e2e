"""Kill a training at random moments and start it again: is what survives one unbroken run?

    python -m tests.distributed.drill                       10 kills of one process, 10 of two
    python -m tests.distributed.drill --processes 2 --kills 3 --seed 7

A run of small networks with every loss, validation and a checkpoint every few steps is made once
without disturbance. The same is then started again and again, and SIGKILL is sent at a random
moment between the start of the command and some way into what is left of the run: to one of its
processes, or to all of them and their launcher at once, as when a machine is lost. In the end the
log lines, the weights, Adam's state and the run in
MLflow are compared with the undisturbed ones.
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from safetensors.torch import load_file

from tests.helpers.tiny_training import ROOT, read_metrics, tiny_shards, tiny_yaml, train_command

STEPS = 80
LIMIT_S = 60.0  # within which a job has to end after one of its processes died
WORDS = (
    f"stages.gan.iterations={STEPS - 1}",
    "checkpoint.every=3",
    "validation.clips=2",
    "validation.every=8",
    "tracking.mlflow.enabled=true",
)


@dataclass(frozen=True)
class Kill:
    """One disturbance.

    Attributes:
        after_s: since the command was started.
        whom: `rank 1`, or `all`.
        step: the last step that was logged before.
        resumed_at: the step the next start went on from; -1 where it said none.
        ended_s: how long the rest of the job took to end.
        code: the launcher's exit code.
    """

    after_s: float
    whom: str
    step: int
    resumed_at: int
    ended_s: float
    code: int


@dataclass(frozen=True)
class Outcome:
    """How the disturbed run compares with the undisturbed one.

    Attributes:
        lines: log lines of each: equal numbers, or not.
        metric: largest difference of a logged number, relative to 1 + |v|.
        tensor: largest difference of a tensor of the last checkpoint.
    """

    kills: list[Kill]
    lines: tuple[int, int]
    metric: float
    tensor: float


def drill(folder: Path, processes: int, kills: int, seed: int) -> Outcome:
    """Make both runs and compare them."""
    config = tiny_yaml(folder, tiny_shards(folder / "shards"))
    begun_s, length_s = time_undisturbed(config, folder / "undisturbed", processes)
    latest_s = begun_s + 2 * (length_s - begun_s) / kills  # so that the run lasts for all of them
    run_dir = folder / "disturbed"
    source = random.Random(seed)
    done: list[Kill] = []
    while len(done) < kills:
        kill = disturb(config, run_dir, processes, source, latest_s)
        if kill is None:
            break  # the run came to its end
        done.append(kill)
    last = start(config, run_dir, processes)
    assert last.wait(timeout=600) == 0, run_dir.with_suffix(".log").read_text()
    return compare(done, run_dir, folder / "undisturbed")


def time_undisturbed(config: Path, run_dir: Path, processes: int) -> tuple[float, float]:
    """Make the undisturbed run; return the seconds to its first log line and to its end."""
    began = time.monotonic()
    job, begun_s = start(config, run_dir, processes), 0.0
    while job.poll() is None:
        if not begun_s and logged_step(run_dir):
            begun_s = time.monotonic() - began
        time.sleep(0.05)
    assert job.returncode == 0, run_dir.with_suffix(".log").read_text()
    return begun_s, time.monotonic() - began


def start(config: Path, run_dir: Path, processes: int) -> "subprocess.Popen[bytes]":
    """Start the command in a process group of its own, its words in a file beside the run."""
    store = f"tracking.mlflow.uri=sqlite:///{run_dir.with_suffix('.db')}"
    command, environment = train_command(config, run_dir, *WORDS, store, processes=processes)
    with run_dir.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def disturb(
    config: Path, run_dir: Path, processes: int, source: random.Random, latest_s: float
) -> Kill | None:
    """Start the run and kill it at a random moment; None where it ended before that."""
    job = start(config, run_dir, processes)
    after_s = source.uniform(0, latest_s)
    whom = source.choice([*(f"rank {rank}" for rank in range(processes)), "all"])
    try:
        code = job.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        pass
    else:
        assert code == 0, run_dir.with_suffix(".log").read_text()
        return None
    step = logged_step(run_dir)
    began = time.monotonic()
    rank = None if whom == "all" else rank_process(job.pid, int(whom.split()[1]))
    if rank is None:  # or it has not been started yet
        for process in reversed(family_of(job.pid)):  # each process has a group of its own
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    else:
        rank.kill()
    code = job.wait(timeout=LIMIT_S)
    return Kill(after_s, whom, step, saved_step(run_dir), time.monotonic() - began, code)


def family_of(launcher: int) -> list[psutil.Process]:
    """Return the launcher and all that it and its children have started, the eldest first."""
    eldest = psutil.Process(launcher)
    return [eldest, *eldest.children(recursive=True)]


def rank_process(launcher: int, rank: int) -> psutil.Process | None:
    """Return the training process of a rank, or None where there is none yet."""
    for process in family_of(launcher):
        try:
            line, names = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        trains = any(word.endswith("train.py") for word in line[1:3])
        if trains and int(names.get("RANK", "0")) == rank:
            return process
    return None


def logged_step(run_dir: Path) -> int:
    """Return the last step in `metrics.jsonl`, 0 where there is none."""
    path = run_dir / "metrics.jsonl"
    steps = [0]
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            steps.append(int(json.loads(line)["step"]))
        except ValueError:
            continue  # torn by the kill
    return max(steps)


def saved_step(run_dir: Path) -> int:
    """Return the step of the newest whole checkpoint, 0 where there is none."""
    return max((int(p.name[5:]) for p in (run_dir / "checkpoints").glob("step-*")), default=0)


def compare(kills: list[Kill], run_dir: Path, other: Path, *, steps: int = STEPS) -> Outcome:
    """Return how two runs differ that should not."""
    ours, theirs = read_metrics(run_dir), read_metrics(other)
    metric = max(
        abs(line[name] - value) / (1 + abs(value))
        for line, expected in zip(ours, theirs, strict=False)
        for name, value in expected.items()
    )
    tensor = 0.0
    folder = f"checkpoints/step-{steps:06d}"
    for path in sorted((other / folder).glob("*.safetensors")):
        mine = load_file(run_dir / folder / path.name)
        for name, value in load_file(path).items():
            tensor = max(tensor, float((mine[name] - value).abs().max()))
    return Outcome(kills, (len(ours), len(theirs)), metric, tensor)


def mlflow_runs(run_dir: Path) -> list[str]:
    """Return the states of the runs that the drill left in MLflow."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{run_dir.with_suffix('.db')}")
    experiment = client.get_experiment_by_name("emotalk")
    assert experiment is not None
    return [run.info.status for run in client.search_runs([experiment.experiment_id])]


def table(outcome: Outcome, processes: int, runs: list[str]) -> str:
    """Return what is printed."""
    lines = [f"{processes} process(es), {len(outcome.kills)} kills of {STEPS} steps"]
    lines.append(f"{'after':>8}{'killed':>9}{'logged':>8}{'saved':>7}{'ended in':>10}{'code':>6}")
    lines += [
        f"{k.after_s:>6.1f} s{k.whom:>9}{k.step:>8}{k.resumed_at:>7}{k.ended_s:>8.1f} s{k.code:>6}"
        for k in outcome.kills
    ]
    lines.append(
        f"log lines {outcome.lines[0]} (undisturbed {outcome.lines[1]}); largest difference of a "
        f"logged number {outcome.metric:.3g}, of a saved tensor {outcome.tensor:.3g}; "
        f"MLflow: {len(runs)} run(s), {', '.join(runs)}"
    )
    return "\n".join(lines) + "\n"


def passed(outcome: Outcome, processes: int, runs: list[str]) -> bool:
    """Whether nothing was lost, doubled or changed."""
    allowed = 0.0 if processes == 1 else 1e-6
    quick = all(kill.ended_s < LIMIT_S and kill.code != 0 for kill in outcome.kills)
    same = outcome.lines[0] == outcome.lines[1] and outcome.metric <= allowed
    return quick and same and outcome.tensor <= allowed and runs == ["FINISHED"]


def main() -> int:
    """Print the tables; return 1 where something was not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    good = True
    for processes in options.processes:
        with tempfile.TemporaryDirectory() as folder:
            outcome = drill(Path(folder), processes, options.kills, options.seed)
            runs = mlflow_runs(Path(folder) / "disturbed")
        good &= passed(outcome, processes, runs)
        sys.stdout.write(table(outcome, processes, runs) + "\n")
        sys.stdout.flush()
    sys.stdout.write("passed\n" if good else "FAILED\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
