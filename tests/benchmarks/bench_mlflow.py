"""What MLflow costs a training: 1000 figures logged every 10 steps.

    python -m tests.benchmarks.bench_mlflow [--metrics 1000] [--every 10] [--step-s 0.25]

Steps are matrix products of about `--step-s` on one thread. Rounds of `--every` steps take turns:
without trackers, and with a line to the JSON lines and to MLflow (into a new SQLite file; then with
a server that is away) at their beginning, which MLflow's thread sends while the steps run. Measured
are the training thread's CPU time in the log calls, the clock of the whole round, and the CPU time
of MLflow's thread. The last is the most that it can take from the training, where every
microsecond of it is Python that the training waits for, or where no core is free.

Required: both together are below 1 % of the step time. The last line of each part says from which
step time on that would hold.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from emotalk.config.tracking import MlflowConfig
from emotalk.tracking.jsonl import NAME as METRICS
from emotalk.tracking.jsonl import JsonLines
from emotalk.tracking.mlflow import MlflowTracker
from emotalk.tracking.params import RunFacts
from emotalk.tracking.tracker import Trackers
from tests.helpers.mlflow_server import free_port

REQUIRED = 0.01  # of the step time
SIDE = 512  # of the matrices
Figures = dict[str, float]


def main() -> None:
    """Measure and print."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    work = calibrated_work(options.step_s)
    sys.stdout.write(
        f"{options.metrics} figures every {options.every} steps of {options.step_s:g} s, "
        f"{options.rounds} rounds of each form, in turn; {platform.machine()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    everything = {}
    with tempfile.TemporaryDirectory() as folder:
        uris = {
            "sqlite": f"sqlite:///{folder}/mlflow.db",
            "server away": f"http://127.0.0.1:{free_port()}",
        }
        for name, uri in uris.items():
            figures = measure(options, work, Path(folder) / name, uri)
            sys.stdout.write(table(name, figures, options))
            everything[name] = figures
    if options.json:
        sys.stdout.write(json.dumps(everything) + "\n")


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metrics", type=int, default=1000)
    parser.add_argument("--every", type=int, default=10, help="steps between two log lines")
    parser.add_argument("--step-s", type=float, default=0.25, help="seconds a step")
    parser.add_argument("--rounds", type=int, default=5, help="of each form")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON too")
    return parser


def calibrated_work(step_s: float) -> Callable[[], None]:
    """Return a step that takes about `step_s` of CPU time on this machine."""
    matrix = torch.rand(SIDE, SIDE)

    def products(count: int) -> None:
        for _ in range(count):
            torch.mm(matrix, matrix)

    products(20)
    start = time.thread_time()
    products(100)
    count = max(1, round(100 * step_s / (time.thread_time() - start)))
    return lambda: products(count)


def measure(
    options: argparse.Namespace, work: Callable[[], None], folder: Path, uri: str
) -> Figures:
    """Return seconds a step: in the log calls, by the clock, in MLflow's thread."""
    folder.mkdir()
    mlflow = MlflowTracker(MlflowConfig(uri=uri), RunFacts("bench", {}, {}), folder)
    trackers = Trackers([JsonLines(folder / METRICS), mlflow])
    _wait_until_it_works(mlflow, uri)
    started = _cpu_s(mlflow)
    rounds: dict[bool, list[float]] = {False: [], True: []}
    calls: list[float] = []
    step = 0
    for _ in range(options.rounds):
        for tracked in (False, True):
            clock = time.monotonic()
            if tracked:
                step += options.every
                figures = {f"train/m{n}": n / (step + 1) for n in range(options.metrics)}
                begun = time.thread_time()
                trackers.log(step, figures)
                calls.append(time.thread_time() - begun)
            for _ in range(options.every):
                work()
            rounds[tracked].append(time.monotonic() - clock)
    spent = _cpu_s(mlflow) - started
    trackers.finish("failed" if not mlflow.run_id else "done")
    every = options.every
    return {
        "log_calls": statistics.median(calls) / every,
        "clock_without": statistics.median(rounds[False]) / every,
        "clock_with": statistics.median(rounds[True]) / every,
        "mlflow_thread": spent / (options.rounds * every),
    }


def _wait_until_it_works(mlflow: MlflowTracker, uri: str) -> None:
    if uri.startswith("sqlite"):
        while not mlflow.run_id:
            time.sleep(0.1)
    else:
        time.sleep(10.0)  # until it has loaded MLflow


def _cpu_s(mlflow: MlflowTracker) -> float:
    threads = {thread.id: thread for thread in psutil.Process().threads()}
    times = threads[mlflow._thread.native_id or 0]
    return float(times.user_time + times.system_time)


def table(name: str, figures: Figures, options: argparse.Namespace) -> str:
    """Return the figures for people."""
    most = figures["log_calls"] + figures["mlflow_thread"]
    verdict = "met" if most / options.step_s < REQUIRED else "NOT met"
    before, after = figures["clock_without"], figures["clock_with"]
    lines = [f"\n{name}"]
    for title, key in (("log calls", "log_calls"), ("MLflow's thread", "mlflow_thread")):
        value = figures[key]
        lines.append(f"  {title:18} {1e3 * value:8.3f} ms a step  {value / options.step_s:7.3%}")
    lines.append(
        f"  whole round, clock {1e3 * after:8.1f} ms a step  {after / before - 1:+7.2%} beside "
        f"{1e3 * before:.1f} ms without"
    )
    lines.append(f"  required < {REQUIRED:.0%} of a step: {verdict}")
    lines.append(f"  below {REQUIRED:.0%} for steps of {most / REQUIRED:.3f} s and more")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
