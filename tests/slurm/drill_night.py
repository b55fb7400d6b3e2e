"""Disturb a training on the lab's two nodes for a night; compare it with the undisturbed run.

    tests/slurm/lab.sh run python -m tests.slurm.drill_night                     30 minutes
    tests/slurm/lab.sh run python -m tests.slurm.drill_night --minutes 8 --seed 7

A run of small networks with every loss, validation, MLflow's server and a checkpoint every few
steps is made once without disturbance. The same one is then disturbed at random moments, one thing
at a time: it is preempted, a process or a node is killed, the disk of its run folder is full, its
shared folder is slow or gone, MLflow is away. Nobody repairs anything or submits it again. In the
end its log lines, its weights and its run in MLflow are compared with the undisturbed ones.

Deaths come after a checkpoint of the attempt, since without one the job ends by design.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.distributed.drill import compare, logged_step, saved_step
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.tiny_training import ROOT, tiny_shards, tiny_yaml
from tests.slurm.jobs import RUNNING, fields, log, submit, wait_until
from tests.slurm.nodes import LAB, NODES, bring_back, filled, kill_node, rank_of

STEPS_A_MINUTE = 150  # of two quiet cores, with the incidents
CHECKPOINT_EVERY = 5
SHARE = LAB / "share"  # the file system of the run folders, which is small
STORAGE = ROOT / "tests" / "slurm" / "faulty_storage"
LONG_S = (5.0, 15.0)  # how long a fault that passes lasts
CALM_S = (2.0, 10.0)  # between an event's end and the next
START_S, END_S = 300.0, 900.0
ALLOWED = 1e-6  # of a logged number and of a weight; two processes
NAME = "train/generator/total"


@dataclass(frozen=True)
class Event:
    """One disturbance.

    Attributes:
        at_s: since the night began.
        what: its kind and where.
        step: the last step that was logged before.
        restarts: of the job before.
        back_s: from its beginning to the first new log line after it was over.
    """

    at_s: float
    what: str
    step: int
    restarts: int
    back_s: float


class Night:
    """A training under way and what may befall it."""

    def __init__(self, folder: Path, share: Path, steps: int, seed: int) -> None:
        """Prepare the project in `folder` and the shards in `share`."""
        self.folder, self.share, self.steps = folder, share, steps
        self.source = random.Random(seed)
        self.server = MlflowServer(folder)
        self.run_dir = share / "disturbed"
        self.fault = folder / "fault"  # what faulty_storage reads
        self.job = ""
        for name in (".venv", "slurm", "launch", "configs", "emotalk", "etl", "train.py"):
            (folder / name).symlink_to(ROOT / name)
        tiny_yaml(folder, tiny_shards(share / "shards"))

    @property
    def kinds(self) -> Mapping[str, Callable[[], str]]:
        """What may happen; each does it, waits until it is over, and says where."""
        return {
            "preempted": self.preempt,
            "process killed": self.kill_process,
            "node killed": self.kill_node,
            "disk full": self.fill_disk,
            "shared folder slow": lambda: self.disturb_storage("slow"),
            "shared folder gone": lambda: self.disturb_storage("gone"),
            "MLflow away": self.stop_mlflow,
        }

    def start(self, run_dir: Path) -> str:
        """Submit the training and return the job's number."""
        words = (
            f"stages.gan.iterations={self.steps - 1}",
            f"checkpoint.every={CHECKPOINT_EVERY}",
            "validation.clips=2",
            f"validation.every={self.steps // 4}",
            "tracking.mlflow.enabled=true",
            f"tracking.mlflow.uri={self.server.uri}",
        )
        environment = (
            f"MAX_RETRIES=1000,MAX_RESTARTS=1000,STEP_WAIT_S=20,STORAGE_FAULT={self.fault}"
        )
        options = (
            "--nodes=2", "--gpus-per-node=0", "--cpus-per-task=1", "--time=600",
            f"--export=ALL,PREFLIGHT=0,{environment},PYTHONPATH={STORAGE}",
            f"--output={self.folder}/{run_dir.name}.log",
        )  # fmt: skip
        script = ("slurm/train.sbatch", "tiny.yaml", f"run_dir={run_dir}")
        return submit(self.folder, *options, *script, *words)

    def ended(self) -> bool:
        """Return whether the job has ended, well or not."""
        return fields(self.job)["JobState"] not in RUNNING

    def wait_for(self, what: Callable[[], bool], seconds: float = START_S) -> None:
        """Wait until something holds or the job has ended."""
        deadline = time.monotonic() + seconds
        while not what() and not self.ended():
            assert time.monotonic() < deadline, log(self.job)
            time.sleep(0.2)

    def preempt(self) -> str:
        """Let an urgent job take both nodes for a moment."""
        words = ("--partition=urgent", "--nodes=2", "--exclusive", "--wrap=sleep 1")
        wait_until(submit(self.folder, *words, "--output=/dev/null"), seconds=START_S)
        return ""

    def kill_process(self) -> str:
        """Kill a rank."""
        rank = self.source.randrange(2)
        process = rank_of(self.job, rank)
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)
        return f"rank {rank}"

    def kill_node(self) -> str:
        """Kill a node with all that runs on it, and bring it back some seconds later."""
        node = self.source.choice(NODES)
        kill_node(node)
        time.sleep(self.source.uniform(*LONG_S))
        bring_back(node)
        return node

    def fill_disk(self) -> str:
        """Leave no room where the run folder lies."""
        with filled(self.share):
            time.sleep(self.source.uniform(*LONG_S))
        return ""

    def disturb_storage(self, how: str) -> str:
        """Let the file server be slow, or answer that the folder is gone."""
        self.fault.write_text(how, encoding="utf-8")
        time.sleep(self.source.uniform(*LONG_S))
        self.fault.unlink()
        return ""

    def stop_mlflow(self) -> str:
        """Kill MLflow's server and start it again."""
        self.server.kill()
        time.sleep(self.source.uniform(*LONG_S))
        self.server.start()
        return ""

    def pass_night(self, seconds: float) -> list[Event]:
        """Disturb the training for so long; return what happened once it has ended."""
        self.job, began, events = self.start(self.run_dir), time.monotonic(), []
        order: list[str] = []
        while time.monotonic() - began < seconds:
            step, saved = logged_step(self.run_dir), saved_step(self.run_dir)
            self.wait_for(lambda step=step: logged_step(self.run_dir) > step)  # type: ignore[misc]
            self.wait_for(lambda saved=saved: saved_step(self.run_dir) > saved)  # type: ignore[misc]
            time.sleep(self.source.uniform(*CALM_S))
            if self.ended() or logged_step(self.run_dir) >= self.steps - CHECKPOINT_EVERY:
                break
            if not order:  # every kind once before one comes twice
                order = self.source.sample(sorted(self.kinds), len(self.kinds))
            events.append(self.disturb(order.pop(), began))
            show(events[-1])
        wait_until(self.job, "COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL", seconds=END_S)
        return events

    def disturb(self, kind: str, began: float) -> Event:
        """Let something happen; return what came of it."""
        at, step = time.monotonic(), logged_step(self.run_dir)
        restarts = int(fields(self.job)["Restarts"])
        where = self.kinds[kind]()
        last = logged_step(self.run_dir)
        self.wait_for(lambda: logged_step(self.run_dir) > last)
        what = f"{kind} ({where})" if where else kind
        return Event(at - began, what, step, restarts, time.monotonic() - at)


def show(event: Event) -> None:
    """Print an event's line."""
    sys.stdout.write(
        f"{event.at_s:>7.0f} s  {event.what:<28}{event.step:>6}{event.restarts:>10}"
        f"{event.back_s:>9.0f} s\n"
    )
    sys.stdout.flush()


def mlflow_runs(server: MlflowServer) -> dict[str, tuple[str, int]]:
    """Return the name of each run in MLflow -> its state, and how often the loss was logged."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("emotalk")
    assert experiment is not None
    found: dict[str, tuple[str, int]] = {}
    for run in client.search_runs([experiment.experiment_id]):
        name = str(run.info.run_name)
        assert name not in found, f"two runs are named {name}"
        found[name] = run.info.status, len(client.get_metric_history(run.info.run_id, NAME))
    return found


def tell(night: Night, events: list[Event], undisturbed: Path) -> bool:
    """Print what happened how often and how the runs compare; return whether nothing was lost."""
    out = sys.stdout
    kinds = [event.what.partition(" (")[0] for event in events]
    out.write("\nwhat                  times   longest until the next step\n")
    for kind in sorted(night.kinds):
        longest = max(
            (e.back_s for e, k in zip(events, kinds, strict=True) if k == kind), default=0
        )
        out.write(f"{kind:<22}{kinds.count(kind):>5}{longest:>10.0f} s\n")
    end = fields(night.job)
    out.write(f"the job: {end['JobState']}, restarts {end['Restarts']}\n")
    if end["JobState"] != "COMPLETED":
        out.write(log(night.job)[-4000:])
        return False
    outcome = compare([], night.run_dir, undisturbed, steps=night.steps)
    runs = mlflow_runs(night.server)
    out.write(
        f"log lines {outcome.lines[0]} (undisturbed {outcome.lines[1]}); largest difference of a "
        f"logged number {outcome.metric:.3g}, of a weight {outcome.tensor:.3g}\nMLflow: {runs}\n"
    )
    same = outcome.lines[0] == outcome.lines[1] and runs["disturbed"] == runs["undisturbed"]
    return same and outcome.metric <= ALLOWED and outcome.tensor <= ALLOWED


def main() -> int:
    """Print the table; return 1 where something was not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help=f"default {STEPS_A_MINUTE} a minute")
    options = parser.parse_args()
    if not SHARE.is_dir():
        parser.error("no lab answers; call it with tests/slurm/lab.sh run, or make drill-slurm")
    steps = options.steps or int(STEPS_A_MINUTE * options.minutes)
    name = f"night-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, share = LAB / "shared" / name, SHARE / name
    folder.mkdir()
    share.mkdir()
    night = Night(folder, share, steps, options.seed)
    night.server.start()
    try:
        undisturbed = share / "undisturbed"
        first = night.start(undisturbed)
        end = wait_until(first, "COMPLETED", "FAILED", "CANCELLED", seconds=END_S)
        assert end["JobState"] == "COMPLETED", log(first)
        sys.stdout.write(f"{steps} steps on {len(NODES)} nodes, seed {options.seed}\n")
        sys.stdout.write(f"{'at':>9}  {'what':<28}{'step':>6}{'restarts':>10}{'back in':>11}\n")
        good = tell(night, night.pass_night(60 * options.minutes), undisturbed)
    finally:
        subprocess.run(["scancel", "--full", f"--user={os.getuid()}"], check=False)
        for node in NODES:
            bring_back(node)
        night.server.kill()
    sys.stdout.write("passed\n" if good else f"FAILED; see {folder} and {share}\n")
    if good:
        shutil.rmtree(folder)
        shutil.rmtree(share)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
